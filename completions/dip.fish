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

set -g __dip_valued \
    'corrupt -o' \
    'corrupt --output' \
    'corrupt --seed' \
    'corrupt --page' \
    'corrupt --axes' \
    'corrupt --normalize' \
    'corrupt --alpha' \
    'corrupt --depth' \
    'corrupt --image-format' \
    'corrupt --format' \
    'fit -o' \
    'fit --output' \
    'fit --image' \
    'fit --std' \
    'fit --clean' \
    'fit --mask' \
    'fit --preset' \
    'fit --like' \
    'fit --page' \
    'fit --axes' \
    'fit --normalize' \
    'fit --alpha' \
    'fit --image-format' \
    'fit --format' \
    'fit --arch' \
    'fit --width' \
    'fit --depth' \
    'fit --skip' \
    'fit --kernel' \
    'fit --stride' \
    'fit --upsample' \
    'fit --pad' \
    'fit --norm' \
    'fit --activation' \
    'fit --dropout' \
    'fit --lipschitz' \
    'fit --input' \
    'fit --input-channels' \
    'fit --input-distribution' \
    'fit --input-sigma' \
    'fit --input-noise' \
    'fit --task' \
    'fit --iterations' \
    'fit --lr' \
    'fit --optimizer' \
    'fit --loss' \
    'fit --burn-in' \
    'fit --sample-every' \
    'fit --average' \
    'fit --average-warmup' \
    'fit --batch' \
    'fit --stop' \
    'fit --seed' \
    'fit --runs' \
    'fit --time' \
    'fit --save-every' \
    'fit --save-at' \
    'fit --save-dtype' \
    'fit --record' \
    'fit --record-every' \
    'fit --checkpoint-every' \
    'fit --device' \
    'fit --precision' \
    'fit --threads' \
    'fit --jobs' \
    'spectrum --measure' \
    'spectrum --bands' \
    'spectrum --reference' \
    'spectrum --threshold' \
    'spectrum --at' \
    'spectrum --plot' \
    'spectrum --label' \
    'spectrum --page' \
    'spectrum --axes' \
    'spectrum --normalize' \
    'spectrum --alpha' \
    'spectrum --format' \
    'trajdist --against' \
    'trajdist --bands' \
    'trajdist --border' \
    'trajdist --at' \
    'trajdist --plot' \
    'trajdist --label' \
    'trajdist --page' \
    'trajdist --axes' \
    'trajdist --normalize' \
    'trajdist --alpha' \
    'trajdist --format' \
    'gpkernel --depth' \
    'gpkernel --sigma' \
    'gpkernel --upsample' \
    'gpkernel --length' \
    'gpkernel --samples' \
    'gpkernel --width' \
    'gpkernel --size' \
    'gpkernel --preset' \
    'gpkernel --draw' \
    'gpkernel --seed' \
    'gpkernel --posterior' \
    'gpkernel -o' \
    'gpkernel --output' \
    'gpkernel --std' \
    'gpkernel --kernel' \
    'gpkernel --noise' \
    'gpkernel --page' \
    'gpkernel --axes' \
    'gpkernel --normalize' \
    'gpkernel --alpha' \
    'gpkernel --image-format' \
    'gpkernel --plot' \
    'gpkernel --label' \
    'gpkernel --format' \
    'gpkernel --arch' \
    'gpkernel --skip' \
    'gpkernel --stride' \
    'gpkernel --pad' \
    'gpkernel --norm' \
    'gpkernel --activation' \
    'gpkernel --dropout' \
    'gpkernel --lipschitz' \
    'gpkernel --input' \
    'gpkernel --input-channels' \
    'gpkernel --input-distribution' \
    'gpkernel --input-sigma' \
    'gpkernel --input-noise' \
    'report -o' \
    'report --output' \
    'report --format' \
    'report --columns' \
    'report --title' \
    'report --label'

set -g __dip_place_image \
    '<PATH>' \
    'builtin:triangle' \
    'builtin:astronaut' \
    'builtin:brick' \
    'builtin:camera' \
    'builtin:cat' \
    'builtin:cell' \
    'builtin:chelsea' \
    'builtin:clock' \
    'builtin:coffee' \
    'builtin:coins' \
    'builtin:grass' \
    'builtin:gravel' \
    'builtin:hubble_deep_field' \
    'builtin:immunohistochemistry' \
    'builtin:moon' \
    'builtin:page' \
    'builtin:retina' \
    'builtin:rocket' \
    'builtin:text'

set -g __dip_place_degradation \
    'gaussian:<SIGMA>,clip=1,shared=0 add white Gaussian noise; SIGMA in 1/255' \
    'poisson:<PHOTONS> count photons; PHOTONS at full scale' \
    'impulse:<FRACTION>,mode=salt-pepper|uniform turn a FRACTION of the pixels black or white, or into anything' \
    'speckle:<SIGMA> multiply by 1 + Gaussian noise; SIGMA of that noise' \
    'uniform:<WIDTH> add uniform noise; half its WIDTH in 1/255' \
    'lowfreq:<SIGMA>,cutoff=4,shared=0 add noise of up to CUTOFF cycles per image side; SIGMA in 1/255' \
    'band:<SIGMA>,low=0,high=1 add noise from LOW to HIGH, fractions of Nyquist; SIGMA in 1/255' \
    'stripes:<AMPLITUDE>,period=2,angle=0,extent=1 add stripes in the top left, peak to peak in 1/255; angle 0: level' \
    'mask:<FRACTION> make a FRACTION of the pixels unknown' \
    'hole:<SIDE>,x=0.5,y=0.5 make a square unknown; SIDE and its centre in fractions of the image' \
    'maskfile:<PATH>,invert=0 make unknown what is black in the image PATH' \
    'downsample:<FACTOR>,kernel=area|lanczos|bicubic|nearest make the image FACTOR times smaller, sizes rounded up' \
    'blur:<SIZE>,kernel=gaussian|box|motion,angle=0 blur; SIZE is sigma (gaussian) or length in pixels' \
    'jpeg:<QUALITY> compress as JPEG of that QUALITY, 1 to 100' \
    'fourier:<FRACTION>,mode=random|radial keep a FRACTION of the Fourier coefficients; written as floats' \
    'crop:<WxH> cut out W x H pixels, of the centre or from X, Y on' \
    'gray turn to one channel (BT.601; else the mean)'

set -g __dip_place_fit_upsample \
    ',' \
    'nearest' \
    'bilinear' \
    'deconv' \
    'gaussian' \
    'lpf:<K>' \
    'kaiser:<TAPS,BETA>'

set -g __dip_place_fit_task \
    'auto' \
    'denoise' \
    'inpaint' \
    'sr:<FACTOR>' \
    'dejpeg' \
    'deblur:<SIGMA>' \
    'sense' \
    'enhance' \
    'flash:<PATH>'

set -g __dip_place_fit_loss \
    'mse' \
    'l1' \
    'huber' \
    'poisson' \
    'tv:<W>' \
    'spectral:<KIND>' \
    'dc:<SIGMA>' \
    'sure:<SIGMA>'

set -g __dip_place_fit_stop \
    'auto' \
    'none' \
    'whiteness' \
    'es-wmv' \
    'es-emv' \
    'blur-sharp' \
    'discrepancy:<SIGMA>' \
    'self-validation'

set -g __dip_place_fit_save_at \
    ',' \
    'log:<N>'

set -g __dip_place_fit_record \
    ',' \
    'fbc' \
    'fbc-energy' \
    'power' \
    'error' \
    'amplitude' \
    'blur-sharp' \
    'psnr' \
    'ssim'

set -g __dip_place_spectrum_reference \
    'target' \
    'clean' \
    '<PATH>' \
    'builtin:triangle' \
    'builtin:astronaut' \
    'builtin:brick' \
    'builtin:camera' \
    'builtin:cat' \
    'builtin:cell' \
    'builtin:chelsea' \
    'builtin:clock' \
    'builtin:coffee' \
    'builtin:coins' \
    'builtin:grass' \
    'builtin:gravel' \
    'builtin:hubble_deep_field' \
    'builtin:immunohistochemistry' \
    'builtin:moon' \
    'builtin:page' \
    'builtin:retina' \
    'builtin:rocket' \
    'builtin:text'

set -g __dip_place_spectrum_names \
    '<PATH>' \
    'builtin:triangle' \
    'builtin:astronaut' \
    'builtin:brick' \
    'builtin:camera' \
    'builtin:cat' \
    'builtin:cell' \
    'builtin:chelsea' \
    'builtin:clock' \
    'builtin:coffee' \
    'builtin:coins' \
    'builtin:grass' \
    'builtin:gravel' \
    'builtin:hubble_deep_field' \
    'builtin:immunohistochemistry' \
    'builtin:moon' \
    'builtin:page' \
    'builtin:retina' \
    'builtin:rocket' \
    'builtin:text'

set -g __dip_place_trajdist_against \
    'auto' \
    'runs' \
    'target' \
    'clean' \
    'previous' \
    '<PATH>' \
    'builtin:triangle' \
    'builtin:astronaut' \
    'builtin:brick' \
    'builtin:camera' \
    'builtin:cat' \
    'builtin:cell' \
    'builtin:chelsea' \
    'builtin:clock' \
    'builtin:coffee' \
    'builtin:coins' \
    'builtin:grass' \
    'builtin:gravel' \
    'builtin:hubble_deep_field' \
    'builtin:immunohistochemistry' \
    'builtin:moon' \
    'builtin:page' \
    'builtin:retina' \
    'builtin:rocket' \
    'builtin:text'

set -g __dip_place_trajdist_names \
    '<PATH>' \
    'builtin:triangle' \
    'builtin:astronaut' \
    'builtin:brick' \
    'builtin:camera' \
    'builtin:cat' \
    'builtin:cell' \
    'builtin:chelsea' \
    'builtin:clock' \
    'builtin:coffee' \
    'builtin:coins' \
    'builtin:grass' \
    'builtin:gravel' \
    'builtin:hubble_deep_field' \
    'builtin:immunohistochemistry' \
    'builtin:moon' \
    'builtin:page' \
    'builtin:retina' \
    'builtin:rocket' \
    'builtin:text'

complete -c dip -f
complete -c dip -n '__dip_in dip' -a corrupt -d 'Degrade an image.'
complete -c dip -n '__dip_in dip' -a fit -d 'Fit an untrained network, save the trajectory, restore.'
complete -c dip -n '__dip_in dip' -a spectrum -d 'Measure what is learned when, by frequency.'
complete -c dip -n '__dip_in dip' -a trajdist -d 'Measure the distance between trajectories, and to images.'
complete -c dip -n '__dip_in dip' -a gpkernel -d 'Show and use the Gaussian process behind the prior.'
complete -c dip -n '__dip_in dip' -a report -d 'Report on fits: a page, a document, or a table of runs.'

complete -c dip -n '__dip_in dip --version' -l version -d 'Print the version.'
complete -c dip -n '__dip_in dip -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument corrupt 1' -F -a '(__dip_fill $__dip_place_image)'
complete -c dip -n '__dip_argument corrupt 2 more' -f -a '(__dip_fill $__dip_place_degradation)'
complete -c dip -n '__dip_in corrupt -o --output' -s o -l output -d 'The image to write; - is stdout.' -r -F
complete -c dip -n '__dip_in corrupt --seed' -l seed -d 'Of all random numbers.' -r -f
complete -c dip -n '__dip_in corrupt --page' -l page -d 'Pages of a stack, from 1.' -r -f -a 'all'
complete -c dip -n '__dip_in corrupt --axes' -l axes -d 'The dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in corrupt --normalize' -l normalize -d 'Which numbers of the file are 0 and 1.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in corrupt --alpha' -l alpha -d 'What transparent pixels are: unknown, or pixels.' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in corrupt --depth' -l depth -d 'Bits of the output, if not those of the input.' -r -f -a '8 16 float'
complete -c dip -n '__dip_in corrupt --image-format' -l image-format -d 'Format of the output, if its extension does not say.' -r -f -a 'png tiff jpeg webp npy'
complete -c dip -n '__dip_in corrupt -f --force' -s f -l force -d 'Replace an output that exists.'
complete -c dip -n '__dip_in corrupt --list' -l list -d 'List the degradations, as rows.'
complete -c dip -n '__dip_in corrupt --format' -l format -d 'Of rows: table on a terminal, tsv elsewhere.' -r -f -a 'table tsv csv jsonl none'
complete -c dip -n '__dip_in corrupt --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in corrupt -q --quiet' -s q -l quiet -d 'Say nothing but errors.'
complete -c dip -n '__dip_in corrupt -v --verbose' -s v -l verbose -d 'Say more, and show the warnings of libraries.'
complete -c dip -n '__dip_in corrupt -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument fit 1 more' -F -a '(__dip_fill $__dip_place_image)'
complete -c dip -n '__dip_in fit -o --output' -s o -l output -d 'The store: a template of {stem} {dir} {page} {seed} {arch}.' -r -F
complete -c dip -n '__dip_in fit --image' -l image -d 'The restored image: a template, of {run} too.' -r -F
complete -c dip -n '__dip_in fit --std' -l std -d 'The spread over runs or over samples of sgld: a template, of {run} too.' -r -F
complete -c dip -n '__dip_in fit --clean' -l clean -d 'What the image should be; measured against, never fitted.' -r -F -a '(__dip_fill $__dip_place_image)'
complete -c dip -n '__dip_in fit --mask' -l mask -d 'An image whose black pixels are unknown.' -r -F -a '(__dip_fill $__dip_place_image)'
complete -c dip -n '__dip_in fit --mask-invert' -l mask-invert -d 'Its white pixels are.'
complete -c dip -n '__dip_in fit --preset' -l preset -d 'Settings of a paper; what is given wins. Default: fast; with --arch, its own.' -r -f -a 'fast ulyanov chakrabarty shi heckel'
complete -c dip -n '__dip_in fit --like' -l like -d 'Take the settings of this store.' -r -F
complete -c dip -n '__dip_in fit --resume' -l resume -d 'The names are stores: go on with them.'
complete -c dip -n '__dip_in fit -n --dry-run' -s n -l dry-run -d 'Print the settings and the cost, and end.'
complete -c dip -n '__dip_in fit --page' -l page -d 'Pages of a stack, from 1.' -r -f -a 'all'
complete -c dip -n '__dip_in fit --axes' -l axes -d 'The dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in fit --normalize' -l normalize -d 'Which numbers of the file are 0 and 1.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in fit --alpha' -l alpha -d 'What transparent pixels are: unknown, or pixels.' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in fit --image-format' -l image-format -d 'Format of the output, if its extension does not say.' -r -f -a 'png tiff jpeg webp npy'
complete -c dip -n '__dip_in fit -f --force' -s f -l force -d 'Replace an output that exists.'
complete -c dip -n '__dip_in fit --format' -l format -d 'Of rows: table on a terminal, tsv elsewhere.' -r -f -a 'table tsv csv jsonl none'
complete -c dip -n '__dip_in fit --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in fit -q --quiet' -s q -l quiet -d 'Say nothing but errors.'
complete -c dip -n '__dip_in fit -v --verbose' -s v -l verbose -d 'Say more, and show the warnings of libraries.'
complete -c dip -n '__dip_in fit --arch' -l arch -d 'Architecture.' -r -f -a 'dip linear relunet decoder deep-decoder conv-decoder generator'
complete -c dip -n '__dip_in fit --width' -l width -d 'Channels, per level.' -r -f
complete -c dip -n '__dip_in fit --depth' -l depth -d 'Levels.' -r -f
complete -c dip -n '__dip_in fit --skip' -l skip -d 'Channels of the skip connections, per level.' -r -f
complete -c dip -n '__dip_in fit --kernel' -l kernel -d 'Side of the convolutions, per level; odd.' -r -f
complete -c dip -n '__dip_in fit --stride' -l stride -d 'Down- and upsampling, per level.' -r -f
complete -c dip -n '__dip_in fit --upsample' -l upsample -d 'Upsampling, per level; K is 1 (copies) to 6 (smoothest).' -r -f -a '(__dip_fill $__dip_place_fit_upsample)'
complete -c dip -n '__dip_in fit --pad' -l pad -d 'Padding.' -r -f -a 'zero reflect'
complete -c dip -n '__dip_in fit --norm' -l norm -d 'Normalisation.' -r -f -a 'batch mean-only none'
complete -c dip -n '__dip_in fit --activation' -l activation -d 'Activation; a leaky SLOPE is 0.2.' -r -f -a 'leaky-relu relu elu swish'
complete -c dip -n '__dip_in fit --dropout' -l dropout -d 'Part of the values of a level\'s result that each step drops, per level.' -r -f
complete -c dip -n '__dip_in fit --lipschitz' -l lipschitz -d 'Largest spectral norm of k x k convolutions; 0: any; auto: what suits the size and the noise of the image. --norm batch undoes it.' -r -f -a 'auto 0'
complete -c dip -n '__dip_in fit --input' -l input -d 'What goes in.' -r -f -a 'noise fourier meshgrid image'
complete -c dip -n '__dip_in fit --input-channels' -l input-channels -d 'Channels of noise or fourier; 0: as many as the image (deep-decoder, conv-decoder: as their first level).' -r -f
complete -c dip -n '__dip_in fit --input-distribution' -l input-distribution -d 'Of the input noise: U(0, 0.1) or N(0, 1).' -r -f -a 'uniform normal'
complete -c dip -n '__dip_in fit --input-sigma' -l input-sigma -d 'Sigma in pixels of a blur of the input noise.' -r -f
complete -c dip -n '__dip_in fit --input-noise' -l input-noise -d 'Sigma of the noise that is added to the input at each step.' -r -f
complete -c dip -n '__dip_in fit --task' -l task -d 'What to restore; auto: inpaint if pixels are unknown, else denoise.' -r -f -a '(__dip_fill $__dip_place_fit_task)'
complete -c dip -n '__dip_in fit --iterations' -l iterations -d 'Optimiser steps.' -r -f
complete -c dip -n '__dip_in fit --lr' -l lr -d 'Learning rate.' -r -f
complete -c dip -n '__dip_in fit --optimizer' -l optimizer -d 'How the loss is descended.' -r -f -a 'adam sgd lbfgs sgld'
complete -c dip -n '__dip_in fit --loss' -l loss -d 'What is descended; sigmas in 1/255. KIND: plain, l1, amplitude, amplitude-phase, radial[:POWER].' -r -f -a '(__dip_fill $__dip_place_fit_loss)'
complete -c dip -n '__dip_in fit --burn-in' -l burn-in -d 'Iterations before the samples of sgld; 0: 7 of 20.' -r -f
complete -c dip -n '__dip_in fit --sample-every' -l sample-every -d 'Iterations between samples of sgld; 0: at most 50.' -r -f
complete -c dip -n '__dip_in fit --average' -l average -d 'Weight of the running mean of the outputs; 0: none.' -r -f
complete -c dip -n '__dip_in fit --average-warmup' -l average-warmup -d 'The mean forgets the first steps: its weight is at most T / (T + K) at step T.' -r -f
complete -c dip -n '__dip_in fit --batch' -l batch -d 'Pixels a step of relunet.' -r -f
complete -c dip -n '__dip_in fit --stop' -l stop -d 'Rule that ends the fit and chooses the estimate.' -r -f -a '(__dip_fill $__dip_place_fit_stop)'
complete -c dip -n '__dip_in fit --full' -l full -d 'Go on to the last iteration: the rule only chooses.'
complete -c dip -n '__dip_in fit --seed' -l seed -d 'Of weights, input and noise; run K uses SEED + K.' -r -f
complete -c dip -n '__dip_in fit --runs' -l runs -d 'Fits of each image.' -r -f
complete -c dip -n '__dip_in fit --time' -l time -d 'End the fit after so long.' -r -f
complete -c dip -n '__dip_in fit --save-every' -l save-every -d 'Frames at 0, K, 2K, ...; 0: about a hundred.' -r -f
complete -c dip -n '__dip_in fit --save-at' -l save-at -d 'Frames at these iterations instead, or besides.' -r -f -a '(__dip_fill $__dip_place_fit_save_at)'
complete -c dip -n '__dip_in fit --save-dtype' -l save-dtype -d 'Numbers of the frames.' -r -f -a 'float16 float32'
complete -c dip -n '__dip_in fit --record' -l record -d 'Measure while fitting, without frames.' -r -f -a '(__dip_fill $__dip_place_fit_record)'
complete -c dip -n '__dip_in fit --record-every' -l record-every -d 'Steps between these measurements.' -r -f
complete -c dip -n '__dip_in fit --checkpoint-every' -l checkpoint-every -d 'Steps between checkpoints; 0: by time.' -r -f
complete -c dip -n '__dip_in fit --device' -l device -d 'Where to compute.' -r -f -a 'auto cpu cuda'
complete -c dip -n '__dip_in fit --precision' -l precision -d 'Of the convolutions; auto is bfloat16 where that is quicker and as good.' -r -f -a 'auto float32 bfloat16'
complete -c dip -n '__dip_in fit --threads' -l threads -d 'Of each fit.' -r -f -a 'auto'
complete -c dip -n '__dip_in fit --jobs' -l jobs -d 'Fits side by side.' -r -f -a 'auto'
complete -c dip -n '__dip_in fit -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument spectrum 1 more' -F -a '(__dip_fill $__dip_place_spectrum_names)'
complete -c dip -n '__dip_in spectrum --measure' -l measure -d 'What to measure; onset: when a band\'s fbc first reaches the threshold.' -r -f -a 'fbc fbc-energy power error amplitude blur-sharp psnr ssim onset'
complete -c dip -n '__dip_in spectrum --bands' -l bands -d 'Bands of fbc.' -r -f
complete -c dip -n '__dip_in spectrum --reference' -l reference -d 'What frames are compared with.' -r -F -a '(__dip_fill $__dip_place_spectrum_reference)'
complete -c dip -n '__dip_in spectrum --threshold' -l threshold -d 'Of the onset, from 0 to 1.' -r -f
complete -c dip -n '__dip_in spectrum --at' -l at -d 'Only the saved iterations nearest to these.' -r -f
complete -c dip -n '__dip_in spectrum --plot' -l plot -d 'Draw a figure: .svg, .png or .pdf.' -r -F
complete -c dip -n '__dip_in spectrum --label' -l label -d 'Names of the panels of the figure.' -r -f
complete -c dip -n '__dip_in spectrum --page' -l page -d 'Pages of a stack, from 1.' -r -f -a 'all'
complete -c dip -n '__dip_in spectrum --axes' -l axes -d 'The dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in spectrum --normalize' -l normalize -d 'Which numbers of the file are 0 and 1.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in spectrum --alpha' -l alpha -d 'What transparent pixels are: unknown, or pixels.' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in spectrum -f --force' -s f -l force -d 'Replace an output that exists.'
complete -c dip -n '__dip_in spectrum --format' -l format -d 'Of rows: table on a terminal, tsv elsewhere.' -r -f -a 'table tsv csv jsonl none'
complete -c dip -n '__dip_in spectrum --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in spectrum -q --quiet' -s q -l quiet -d 'Say nothing but errors.'
complete -c dip -n '__dip_in spectrum -v --verbose' -s v -l verbose -d 'Say more, and show the warnings of libraries.'
complete -c dip -n '__dip_in spectrum -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument trajdist 1 more' -F -a '(__dip_fill $__dip_place_trajdist_names)'
complete -c dip -n '__dip_in trajdist --against' -l against -d 'What to compare with. auto: the runs of a target with each other; one alone with its target, its clean image and its previous frame.' -r -F -a '(__dip_fill $__dip_place_trajdist_against)'
complete -c dip -n '__dip_in trajdist --bands' -l bands -d 'The squared error in so many bands of frequency.' -r -f
complete -c dip -n '__dip_in trajdist --summary' -l summary -d 'Where two trajectories meet, part, and meet again.'
complete -c dip -n '__dip_in trajdist --ssim' -l ssim -d 'The structural similarity as well.'
complete -c dip -n '__dip_in trajdist --luma' -l luma -d 'Compare the luma of BT.601, from 16 to 235, only.'
complete -c dip -n '__dip_in trajdist --border' -l border -d 'Pixels left out along each side.' -r -f
complete -c dip -n '__dip_in trajdist --at' -l at -d 'Only the saved iterations nearest to these.' -r -f
complete -c dip -n '__dip_in trajdist --plot' -l plot -d 'Draw a figure: .svg, .png or .pdf.' -r -F
complete -c dip -n '__dip_in trajdist --label' -l label -d 'Names of the panels of the figure.' -r -f
complete -c dip -n '__dip_in trajdist --page' -l page -d 'Pages of a stack, from 1.' -r -f -a 'all'
complete -c dip -n '__dip_in trajdist --axes' -l axes -d 'The dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in trajdist --normalize' -l normalize -d 'Which numbers of the file are 0 and 1.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in trajdist --alpha' -l alpha -d 'What transparent pixels are: unknown, or pixels.' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in trajdist -f --force' -s f -l force -d 'Replace an output that exists.'
complete -c dip -n '__dip_in trajdist --format' -l format -d 'Of rows: table on a terminal, tsv elsewhere.' -r -f -a 'table tsv csv jsonl none'
complete -c dip -n '__dip_in trajdist --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in trajdist -q --quiet' -s q -l quiet -d 'Say nothing but errors.'
complete -c dip -n '__dip_in trajdist -v --verbose' -s v -l verbose -d 'Say more, and show the warnings of libraries.'
complete -c dip -n '__dip_in trajdist -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument gpkernel 1 more' -F
complete -c dip -n '__dip_in gpkernel --depth' -l depth -d 'Layers of convolution and ReLU; of --arch its levels.' -r -f
complete -c dip -n '__dip_in gpkernel --sigma' -l sigma -d 'Smoothing of the noise that goes in, a standard deviation.' -r -f
complete -c dip -n '__dip_in gpkernel --upsample' -l upsample -d 'Upsampling by 2 before each convolution; of --arch, per level.' -r -f -a 'nearest bilinear gaussian'
complete -c dip -n '__dip_in gpkernel --length' -l length -d 'Lags, from 0; values of a draw.' -r -f
complete -c dip -n '__dip_in gpkernel --empirical' -l empirical -d 'Sample networks, and print what they say too.'
complete -c dip -n '__dip_in gpkernel --samples' -l samples -d 'Networks; draws for a sampled --std.' -r -f
complete -c dip -n '__dip_in gpkernel --width' -l width -d 'Channels of the sampled networks; of --arch, per level.' -r -f
complete -c dip -n '__dip_in gpkernel --size' -l size -d 'Of the images that --arch makes.' -r -f
complete -c dip -n '__dip_in gpkernel --preset' -l preset -d 'The network of a paper; what is given besides wins.' -r -f -a 'fast ulyanov chakrabarty shi heckel'
complete -c dip -n '__dip_in gpkernel --stationarity' -l stationarity -d 'Does the covariance depend on the position?'
complete -c dip -n '__dip_in gpkernel --draw' -l draw -d 'Print samples of the prior.' -r -f
complete -c dip -n '__dip_in gpkernel --seed' -l seed -d 'Of all random numbers.' -r -f
complete -c dip -n '__dip_in gpkernel --posterior' -l posterior -d 'Fill in its unknown pixels; without any, denoise it.' -r -F -a '(__dip_fill $__dip_place_image)'
complete -c dip -n '__dip_in gpkernel -o --output' -s o -l output -d 'The posterior mean; - is stdout.' -r -F
complete -c dip -n '__dip_in gpkernel --std' -l std -d 'Its standard deviation.' -r -F
complete -c dip -n '__dip_in gpkernel --kernel' -l kernel -d 'Of the Gaussian process.' -r -f -a 'analytic empirical rbf'
complete -c dip -n '__dip_in gpkernel --noise' -l noise -d 'Sigma of the noise on known pixels, in 1/255.' -r -f
complete -c dip -n '__dip_in gpkernel --page' -l page -d 'Pages of a stack, from 1.' -r -f -a 'all'
complete -c dip -n '__dip_in gpkernel --axes' -l axes -d 'The dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in gpkernel --normalize' -l normalize -d 'Which numbers of the file are 0 and 1.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in gpkernel --alpha' -l alpha -d 'What transparent pixels are: unknown, or pixels.' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in gpkernel --image-format' -l image-format -d 'Format of the output, if its extension does not say.' -r -f -a 'png tiff jpeg webp npy'
complete -c dip -n '__dip_in gpkernel --plot' -l plot -d 'Draw a figure: .svg, .png or .pdf.' -r -F
complete -c dip -n '__dip_in gpkernel --label' -l label -d 'Names of the panels of the figure.' -r -f
complete -c dip -n '__dip_in gpkernel -f --force' -s f -l force -d 'Replace an output that exists.'
complete -c dip -n '__dip_in gpkernel --format' -l format -d 'Of rows: table on a terminal, tsv elsewhere.' -r -f -a 'table tsv csv jsonl none'
complete -c dip -n '__dip_in gpkernel --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in gpkernel -q --quiet' -s q -l quiet -d 'Say nothing but errors.'
complete -c dip -n '__dip_in gpkernel -v --verbose' -s v -l verbose -d 'Say more, and show the warnings of libraries.'
complete -c dip -n '__dip_in gpkernel --arch' -l arch -d 'Architecture.' -r -f -a 'dip linear relunet decoder deep-decoder conv-decoder generator'
complete -c dip -n '__dip_in gpkernel --skip' -l skip -d 'Channels of the skip connections, per level.' -r -f
complete -c dip -n '__dip_in gpkernel --stride' -l stride -d 'Down- and upsampling, per level.' -r -f
complete -c dip -n '__dip_in gpkernel --pad' -l pad -d 'Padding.' -r -f -a 'zero reflect'
complete -c dip -n '__dip_in gpkernel --norm' -l norm -d 'Normalisation.' -r -f -a 'batch mean-only none'
complete -c dip -n '__dip_in gpkernel --activation' -l activation -d 'Activation; a leaky SLOPE is 0.2.' -r -f -a 'leaky-relu relu elu swish'
complete -c dip -n '__dip_in gpkernel --dropout' -l dropout -d 'Part of the values of a level\'s result that each step drops, per level.' -r -f
complete -c dip -n '__dip_in gpkernel --lipschitz' -l lipschitz -d 'Largest spectral norm of k x k convolutions; 0: any; auto: what suits the size and the noise of the image. --norm batch undoes it.' -r -f -a 'auto 0'
complete -c dip -n '__dip_in gpkernel --input' -l input -d 'What goes in.' -r -f -a 'noise fourier meshgrid image'
complete -c dip -n '__dip_in gpkernel --input-channels' -l input-channels -d 'Channels of noise or fourier; 0: as many as the image (deep-decoder, conv-decoder: as their first level).' -r -f
complete -c dip -n '__dip_in gpkernel --input-distribution' -l input-distribution -d 'Of the input noise: U(0, 0.1) or N(0, 1).' -r -f -a 'uniform normal'
complete -c dip -n '__dip_in gpkernel --input-sigma' -l input-sigma -d 'Sigma in pixels of a blur of the input noise.' -r -f
complete -c dip -n '__dip_in gpkernel --input-noise' -l input-noise -d 'Sigma of the noise that is added to the input at each step.' -r -f
complete -c dip -n '__dip_in gpkernel -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument report 1 more' -F
complete -c dip -n '__dip_in report -o --output' -s o -l output -d 'The report to write; - is stdout.' -r -F
complete -c dip -n '__dip_in report --format' -l format -d 'By the extension of the output; without one, a table of runs.' -r -f -a 'html md json table tsv csv jsonl none'
complete -c dip -n '__dip_in report --columns' -l columns -d 'Columns of the table; config.lr is the fit\'s own --lr.' -r -f
complete -c dip -n '__dip_in report --title' -l title -d 'Of the page.' -r -f
complete -c dip -n '__dip_in report --label' -l label -d 'Names of the panels of the figure.' -r -f
complete -c dip -n '__dip_in report --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in report -f --force' -s f -l force -d 'Replace an output that exists.'
complete -c dip -n '__dip_in report -q --quiet' -s q -l quiet -d 'Say nothing but errors.'
complete -c dip -n '__dip_in report -v --verbose' -s v -l verbose -d 'Say more, and show the warnings of libraries.'
complete -c dip -n '__dip_in report -h --help' -s h -l help -d 'Show this message and exit.'
