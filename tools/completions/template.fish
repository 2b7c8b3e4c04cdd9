# Completion of dip for fish.
# Made by `make completions` from the commands; what is here to read is in tools/completions/template.fish.

# Read the finished words: the command (`dip` before there is one) and its arguments go to
# $__dip_words, options to $__dip_used, and one that waits for its value to $__dip_waits.
function __dip_read
    set -l line (commandline -cp | string collect)
    test "$line" = "$__dip_line"; and return # every option asks, and the line stays
    set -g __dip_line $line
    set -g __dip_words
    set -g __dip_used
    set -g __dip_waits
    set -l ended
    for word in (commandline -opc)[2..-1]
        set -l command $__dip_words[1] dip
        if set -q __dip_waits[1]
            set __dip_waits
        else if set -q ended[1]; or not string match -q -- '-?*' $word
            set -a __dip_words $word
        else if test $word = --
            set ended 1
        else if string match -q -- '--*' $word
            set -l name (string replace -r '=.*' '' -- $word)
            set -a __dip_used $name
            test $name = $word; and contains -- "$command[1] $name" $__dip_valued
            and set __dip_waits $name
        else
            for letter in (string split '' -- $word)[2..-1]
                if set -q __dip_waits[1]
                    set __dip_waits # the rest is its value: `-fox.png`
                    break
                end
                set -a __dip_used -$letter
                contains -- "$command[1] -$letter" $__dip_valued; and set __dip_waits -$letter
            end
        end
    end
    set -q __dip_words[1]; or set __dip_words dip
end

# Whether $argv[1] is the command that is being typed, and none of the other $argv is used.
function __dip_in
    __dip_read
    test $argv[1] = $__dip_words[1]; or return 1
    contains -- "$__dip_waits" $argv[2..-1]; and return 0
    for name in $argv[2..-1]
        contains -- $name $__dip_used; and return 1
    end
    return 0
end

# Whether argument $argv[2] of command $argv[1], or with `more` a later one, is being typed.
function __dip_argument
    __dip_read
    test $argv[1] = $__dip_words[1]; or return 1
    test (count $__dip_words) = $argv[2]; and return 0
    set -q argv[3]; and test (count $__dip_words) -gt $argv[2]
end

# Offer the words $argv of a place, each with its help.
function __dip_fill
    set -l typed (commandline -ct | string replace -r '^--[^=]*=' '')
    set -l stem ''
    if test "$argv[1]" = ,
        set -e argv[1]
        set stem (string match -r '.*,' -- $typed; or echo)
    end
    set -l used (string split , -- $stem)
    for token in $argv
        set -l word (string split -m 1 ' ' -- $token)
        set -l head (string replace -r '[<,].*' '' -- $word[1])
        set -l full $stem$head
        if string match -q -- '*:' $head; and string match -q -- "$full*" $typed
            if string match -q -- '*<PATH>*' $word[1]
                set -l path (string replace -- $full '' $typed)
                string replace -r '^' $full -- (complete -C "'' $path")
            end
        else if not contains -- "$head" '' $used
            printf '%s\t%s\n' $full $word[2]
        end
        if string match -q -- '*,*=*' $word[1]; and string match -q -- "$full*,*" $typed
            __dip_keys $typed (string split , -- $word[1])[2..-1]
        end
    end
end

# After what is typed, offer the keys `mode=a|b` that are not yet there, or the values of one.
function __dip_keys
    set -l stem (string match -r '.*,' -- $argv[1])
    for key in $argv[2..-1]
        set -l pair (string split = -- $key)
        set -l choices (string split '|' -- $pair[2])
        if string match -q -- "$stem$pair[1]=*" $argv[1]
            printf '%s\n' $stem$pair[1]=$choices
        else if not string match -q -- "*,$pair[1]=*" $stem
            printf '%s\tdefault %s\n' $stem$pair[1]= $choices[1]
        end
    end
end

@FACTS@
