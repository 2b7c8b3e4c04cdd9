#compdef dip
# Completion of dip for zsh.
# Made by `make completions` from the commands; what is here to read is in tools/completions/template.zsh.

@FACTS@

_dip() {
    local curcontext=$curcontext
    local -A opt_args
    __dip_words
}

# What comes after the command, whose name is now the first word.
__dip_argument() {
    curcontext=${curcontext%:*}-$words[1]:
    (( $+functions[_dip_$words[1]] )) && _dip_$words[1]
}

# Complete one place, which is called $1; the other $@ are its words.
__dip_fill() {
    local hint=$1 token word help head files used= ret=1
    local -a open plain
    shift
    if [[ $1 == , ]]; then
        shift
        [[ $PREFIX == *,* ]] && used=,${PREFIX%,*}, && compset -P '*,'
    fi
    for token; do
        word=${token%% *} help=${${token#$word}# }
        head=${word%%[<,]*}
        if [[ $word == '<PATH>' ]]; then
            files=1
        elif [[ $head == *: && $PREFIX == $head* || $word == *,*=* && $PREFIX == $head,* ]]; then
            __dip_inside $word $head
            return
        elif [[ $used != *,$head,* ]]; then
            [[ $head == *: ]] && open+=(${head//:/\\:}:$help) || plain+=(${head//:/\\:}:$help)
        fi
    done
    _describe -t values $hint open -S '' -- plain && ret=0
    [[ -n $files ]] && _files && ret=0
    return ret
}

# Complete what comes after the name $2 of the word $1: its value, then its keys.
__dip_inside() {
    local word=$1 key name used ret=1
    local -a keys choices
    compset -P ${(b)2}
    [[ $word == *'<PATH>'* ]] && _files && ret=0
    if [[ $PREFIX != *,* ]]; then
        (( ret )) && _message ${${word#*<}%%>*}
        return ret
    fi
    used=,${PREFIX%,*},
    compset -P '*,'
    [[ $word == *,*=* ]] || return ret
    for key in ${(s:,:)${word#*,}}; do
        name=${key%%=*}= choices=(${(s:|:)${key#*=}})
        if [[ $PREFIX == $name* ]]; then
            compset -P $name
            compadd -- $choices && ret=0
            return ret
        fi
        [[ $used == *,$name* ]] || keys+=("$name:default $choices[1]")
    done
    _describe -t keys key keys -S '' && ret=0
    return ret
}

if [[ $funcstack[1] == _dip ]]; then
    _dip "$@"
else
    compdef _dip dip
fi
