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
    'corrupt --level' \
    'corrupt --series' \
    'corrupt --depth' \
    'corrupt --image-format' \
    'corrupt --format' \
    'corrupt --progress' \
    'fit -o' \
    'fit --output' \
    'fit --image' \
    'fit --std' \
    'fit --clean' \
    'fit --mask' \
    'fit --preset' \
    'fit --like' \
    'fit --settings' \
    'fit --table' \
    'fit --failed' \
    'fit --cluster' \
    'fit --page' \
    'fit --axes' \
    'fit --normalize' \
    'fit --alpha' \
    'fit --level' \
    'fit --series' \
    'fit --image-format' \
    'fit --format' \
    'fit --progress' \
    'fit --arch' \
    'fit --width' \
    'fit --depth' \
    'fit --skip' \
    'fit --kernel' \
    'fit --stride' \
    'fit --dims' \
    'fit --stride-z' \
    'fit --upsample' \
    'fit --pad' \
    'fit --norm' \
    'fit --activation' \
    'fit --dropout' \
    'fit --slope' \
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
    'fit --noise' \
    'fit --start' \
    'fit --tile' \
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
    'spectrum --level' \
    'spectrum --series' \
    'spectrum --format' \
    'spectrum --columns' \
    'spectrum --progress' \
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
    'trajdist --level' \
    'trajdist --series' \
    'trajdist --format' \
    'trajdist --columns' \
    'trajdist --progress' \
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
    'gpkernel --tangent' \
    'gpkernel --bands' \
    'gpkernel --pixel' \
    'gpkernel --at' \
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
    'gpkernel --level' \
    'gpkernel --series' \
    'gpkernel --image-format' \
    'gpkernel --plot' \
    'gpkernel --label' \
    'gpkernel --format' \
    'gpkernel --columns' \
    'gpkernel --progress' \
    'gpkernel --arch' \
    'gpkernel --skip' \
    'gpkernel --stride' \
    'gpkernel --pad' \
    'gpkernel --norm' \
    'gpkernel --activation' \
    'gpkernel --dropout' \
    'gpkernel --slope' \
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
    'report --page' \
    'report --axes' \
    'report --normalize' \
    'report --alpha' \
    'report --level' \
    'report --series' \
    'report --title' \
    'report --label' \
    'report --progress'

set -g __dip_place_corrupt_page \
    ',' \
    'all'

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
    'gaussian:<SIGMA>,clip=1,shared=0 Add white Gaussian noise; SIGMA in 1/255' \
    'poisson:<PHOTONS> Add photon noise; PHOTONS is the mean count at full scale' \
    'poisson-gaussian:<GAIN>,read=0,offset=0,clip=1 Add the noise of a camera, in the numbers of the file; GAIN is how many a photon adds' \
    'impulse:<FRACTION>,mode=salt-pepper|uniform Replace a FRACTION of the pixels by black or white, or by random values' \
    'speckle:<SIGMA> Multiply each value by 1 + Gaussian noise of standard deviation SIGMA' \
    'uniform:<WIDTH> Add uniform noise from -WIDTH to WIDTH, in 1/255' \
    'lowfreq:<SIGMA>,cutoff=4,shared=0 Add noise of up to CUTOFF cycles per image side; SIGMA in 1/255' \
    'band:<SIGMA>,low=0,high=1 Add noise from LOW to HIGH, fractions of Nyquist; SIGMA in 1/255' \
    'stripes:<AMPLITUDE>,period=2,angle=0,extent=1 Add stripes in the top left part; AMPLITUDE peak to peak, in 1/255' \
    'mask:<FRACTION> Make a FRACTION of the pixels unknown, in all channels' \
    'hole:<SIDE>,x=0.5,y=0.5 Make a square unknown; SIDE, and its centre x, y, in fractions of the image' \
    'maskfile:<PATH>,invert=0 Make unknown the pixels that are black in the image PATH' \
    'downsample:<FACTOR>,kernel=area|lanczos|lanczos3|bicubic|nearest Make the image FACTOR times smaller; sizes are rounded up' \
    'blur:<SIZE>,kernel=gaussian|box|motion,angle=0 Blur; SIZE is sigma (gaussian) or a length in pixels (box, motion)' \
    'jpeg:<QUALITY> Compress as JPEG of that QUALITY, from 1 to 100' \
    'fourier:<FRACTION>,mode=random|radial Keep a FRACTION of the Fourier coefficients and set the others to 0; writes floats' \
    'crop:<WxH[+X+Y]> Cut out W x H pixels around the centre, or from the corner X, Y' \
    'gray Convert to one channel: BT.601 luma of three channels, else the mean'

set -g __dip_place_preset \
    'fast A narrow hourglass; a step takes a sixteenth of the work of ulyanov\'s' \
    'ulyanov Deep image prior (2018, 2020): width 128, noise on the input, a running mean' \
    'chakrabarty Spectral bias (2019): width 256, zero padding, no noise on the input, no running mean' \
    'shi Measuring and controlling spectral bias (2022): a decoder with bounded convolutions' \
    'heckel Deep decoder (2019), ConvDecoder (2021, 2023) and the two-layer generator (2020)'

set -g __dip_place_fit_page \
    ',' \
    'all'

set -g __dip_place_arch \
    'dip Hourglass with skip connections, of the deep image prior (Ulyanov and others, 2018)' \
    'linear Hourglass with fully connected layers in place of convolutions: a control experiment' \
    'relunet Multilayer perceptron from pixel coordinates to colours; published: depth 10, width 256' \
    'decoder Convolutions between upsamplings, without encoder and skips (Shi and others, 2022)' \
    'deep-decoder 1 x 1 convolutions between upsamplings: few parameters (Heckel and Hand, 2019)' \
    'conv-decoder Deep decoder with 3 x 3 convolutions (Darestani and Heckel, 2021)' \
    'generator Learned coefficients, upsampled, rectified and summed (Heckel and Soltanolkotabi, 2020)'

set -g __dip_place_fit_upsample \
    ',' \
    'nearest' \
    'bilinear' \
    'deconv' \
    'gaussian' \
    'lpf:<K>' \
    'kaiser:<TAPS,BETA>'

set -g __dip_place_task \
    'auto' \
    'denoise Fit the image as it is, and stop before the noise is fitted' \
    'inpaint Fill in unknown pixels, and keep the known ones as they are' \
    'sr:<FACTOR>,kernel=area|lanczos|lanczos3|bicubic|nearest Make the image FACTOR times larger' \
    'dejpeg Remove the artefacts of JPEG compression' \
    'deblur:<SIZE>,kernel=gaussian|box|motion,angle=0 Undo a known blur; SIZE is sigma (gaussian) or length in pixels (box, motion)' \
    'sense:<FRACTION>,mode=random|radial,seed=0,page=1,place=0 Restore an image of `corrupt fourier`; the image records which coefficients it has' \
    'enhance Sharpen: add the difference between the image and a short fit' \
    'flash:<PATH> Restore a dark image from IMAGE, which shows the same scene with flash'

set -g __dip_place_loss \
    'mse Mean squared difference: for white Gaussian noise' \
    'l1 Mean absolute difference: for outliers and impulse noise' \
    'huber Squares of differences below 0.05, absolute values of larger ones' \
    'poisson Likelihood of photon counts' \
    'tv:<W> mse plus W times the total variation of the network\'s image' \
    'spectral:<KIND> Difference of Fourier coefficients: plain, l1, amplitude, amplitude-phase, radial[:POWER]' \
    'dc:<SIGMA> Residual distributed as Gaussian noise of SIGMA/255' \
    'sure:<SIGMA> Estimated error to the clean image (Stein); SIGMA of the noise in 1/255'

set -g __dip_place_rule \
    'auto' \
    'none' \
    'whiteness:<LAG> Stop when the residual is white: neighbouring pixels are no longer positively correlated' \
    'es-wmv Stop at the least variance of the outputs over 100 iterations' \
    'es-emv Stop at the least variance of the outputs about their running mean' \
    'blur-sharp Stop when the ratio of blur and sharpness no longer changes' \
    'discrepancy:<SIGMA> Stop when the mean squared error is that of noise of SIGMA/255; estimated if not given' \
    'self-validation Stop at the least error at one pixel in fifty that the fit does not see'

set -g __dip_place_fit_noise \
    'auto' \
    'gaussian' \
    'poisson-gaussian:<GAIN[,read=R][,offset=O]>'

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
    'frc' \
    'frc-halves' \
    'resolution' \
    'phase' \
    'learned' \
    'blur-sharp' \
    'psnr' \
    'ssim'

set -g __dip_place_measure \
    'fbc Frequency-band correspondence with the target, as published' \
    'fbc-energy Frequency-band correspondence weighted by energy, in bands round in frequency' \
    'power Power spectrum: mean of |F|^2 in rings of frequency' \
    'error Power spectrum of the difference from the target, absolute and relative to it' \
    'amplitude Amplitude spectrum: sum of |F| in rings of frequency' \
    'frc Fourier ring correlation with the target: agreement of amplitude and phase, -1 to 1' \
    'frc-halves Fourier ring correlation of two halves of the pixels: what an image agrees on with itself' \
    'resolution The resolution in pixels: where the ring correlation with the target falls below 1/7, and below half a bit' \
    'phase Mean error of the phase against the target in bands of frequency, in radians; of noise pi/2' \
    'learned The share of frequencies whose relative error against the target is below 0.1, phase included' \
    'blur-sharp Blur from 0 to 1, sharpness, and their ratio' \
    'psnr Peak signal-to-noise ratio against the clean image, in dB' \
    'ssim Structural similarity to the clean image'

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

set -g __dip_place_spectrum_page \
    ',' \
    'all'

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

set -g __dip_place_trajdist_page \
    ',' \
    'all'

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

set -g __dip_place_gpkernel_page \
    ',' \
    'all'

set -g __dip_place_report_page \
    ',' \
    'all'

set -g __dip_place_report_names \
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
complete -c dip -n '__dip_in dip -v --verbose' -s v -l verbose -d 'With --version: also versions of libraries, device, threads.'
complete -c dip -n '__dip_in dip -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument corrupt 1' -F -a '(__dip_fill $__dip_place_image)'
complete -c dip -n '__dip_argument corrupt 2 more' -f -a '(__dip_fill $__dip_place_degradation)'
complete -c dip -n '__dip_in corrupt -o --output' -s o -l output -d 'Image to write; - is stdout.' -r -F
complete -c dip -n '__dip_in corrupt --seed' -l seed -d 'Random seed.' -r -f
complete -c dip -n '__dip_in corrupt --page' -l page -d 'Pages of a stack to read, from 1: a comma list of N or A-B.' -r -f -a '(__dip_fill $__dip_place_corrupt_page)'
complete -c dip -n '__dip_in corrupt --axes' -l axes -d 'Dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in corrupt --normalize' -l normalize -d 'Pixel values mapped to 0 and 1. auto: the range of their type (8, 10, 12, 14 or 16 bits; floats: 0 to 1) if the data fill a quarter of it, else the range of the data; 8 bits are always 0 to 255 but in a fit. Single hot or dead pixels and unknown pixels do not count.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in corrupt --alpha' -l alpha -d 'Transparent pixels: unknown, kept with their opacity, or opaque (drop).' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in corrupt --level' -l level -d 'Level of an OME-Zarr image; 0 is the finest.' -r -f
complete -c dip -n '__dip_in corrupt --series' -l series -d 'Image of a file that has several, from 1; default: the first.' -r -f
complete -c dip -n '__dip_in corrupt --depth' -l depth -d 'Bit depth of the output; default: that of the input.' -r -f -a '8 16 float'
complete -c dip -n '__dip_in corrupt --image-format' -l image-format -d 'Image format of the output; default: by its extension.' -r -f -a 'png tiff jpeg webp npy ome-zarr'
complete -c dip -n '__dip_in corrupt -f --force' -s f -l force -d 'Overwrite an output that exists.'
complete -c dip -n '__dip_in corrupt --list' -l list -d 'List the degradations as rows.'
complete -c dip -n '__dip_in corrupt --format' -l format -d 'Format of the rows; default: table on a terminal, tsv elsewhere.' -r -f -a 'table tsv csv jsonl none'
complete -c dip -n '__dip_in corrupt --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in corrupt -q --quiet' -s q -l quiet -d 'Print nothing but errors.'
complete -c dip -n '__dip_in corrupt -v --verbose' -s v -l verbose -d 'Print more of what is done, and the warnings of libraries.'
complete -c dip -n '__dip_in corrupt --progress' -l progress -d 'Form of progress on stderr. Default: bar on a terminal, plain elsewhere.' -r -f -a 'bar plain json none'
complete -c dip -n '__dip_in corrupt -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument fit 1 more' -F -a '(__dip_fill $__dip_place_image)'
complete -c dip -n '__dip_in fit -o --output' -s o -l output -d 'Store to write; a template of {stem} {name} {dir} {page} {seed} {arch}.' -r -F
complete -c dip -n '__dip_in fit --image' -l image -d 'Restored image to write; a template that may have {run} too.' -r -F
complete -c dip -n '__dip_in fit --std' -l std -d 'Image of the standard deviation over runs, or over samples of sgld, to write; a template as --image.' -r -F
complete -c dip -n '__dip_in fit --clean' -l clean -d 'Ground truth, for PSNR and SSIM only.' -r -F -a '(__dip_fill $__dip_place_image)'
complete -c dip -n '__dip_in fit --mask' -l mask -d 'Image whose black pixels mark unknown pixels.' -r -F -a '(__dip_fill $__dip_place_image)'
complete -c dip -n '__dip_in fit --mask-invert' -l mask-invert -d 'Treat the white pixels of --mask as unknown.'
complete -c dip -n '__dip_in fit --preset' -l preset -d 'Settings of a paper, from the list of presets below; options win over it. Default: fast; with --arch, that of its paper.' -r -f -a '(__dip_fill $__dip_place_preset)'
complete -c dip -n '__dip_in fit --like' -l like -d 'Start from the settings of this store.' -r -F
complete -c dip -n '__dip_in fit --settings' -l settings -d 'Read settings from this TOML file, as --dry-run --format toml prints it; options win over it.' -r -F
complete -c dip -n '__dip_in fit --table' -l table -d 'Fit the rows of this table: the column file is the image, the others are options by their names; - is stdin. What the command line says holds where a cell is empty.' -r -F
complete -c dip -n '__dip_in fit --failed' -l failed -d 'Table of the rows of --table that failed, with the reason of each, to write.' -r -F
complete -c dip -n '__dip_in fit --cluster' -l cluster -d 'Do the fits on a cluster, from the list of clusters below; its machines see the stores.' -r -f
complete -c dip -n '__dip_in fit --resume' -l resume -d 'Resume these stores: the arguments are stores.'
complete -c dip -n '__dip_in fit -n --dry-run' -s n -l dry-run -d 'Print the settings and the cost, and do nothing.'
complete -c dip -n '__dip_in fit --page' -l page -d 'Pages of a stack to read, from 1: a comma list of N or A-B.' -r -f -a '(__dip_fill $__dip_place_fit_page)'
complete -c dip -n '__dip_in fit --axes' -l axes -d 'Dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in fit --normalize' -l normalize -d 'Pixel values mapped to 0 and 1. auto: the range of their type (8, 10, 12, 14 or 16 bits; floats: 0 to 1) if the data fill a quarter of it, else the range of the data; 8 bits are always 0 to 255 but in a fit. Single hot or dead pixels and unknown pixels do not count.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in fit --alpha' -l alpha -d 'Transparent pixels: unknown, kept with their opacity, or opaque (drop).' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in fit --level' -l level -d 'Level of an OME-Zarr image; 0 is the finest.' -r -f
complete -c dip -n '__dip_in fit --series' -l series -d 'Image of a file that has several, from 1; default: the first.' -r -f
complete -c dip -n '__dip_in fit --image-format' -l image-format -d 'Image format of the output; default: by its extension.' -r -f -a 'png tiff jpeg webp npy ome-zarr'
complete -c dip -n '__dip_in fit -f --force' -s f -l force -d 'Overwrite an output that exists.'
complete -c dip -n '__dip_in fit --format' -l format -d 'Format of the summary on stderr, or of --dry-run on stdout; toml, for --dry-run only, is what --settings reads. Default: table; for --dry-run in a pipe, tsv.' -r -f -a 'table tsv csv jsonl toml none'
complete -c dip -n '__dip_in fit --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in fit -q --quiet' -s q -l quiet -d 'Print nothing but errors.'
complete -c dip -n '__dip_in fit -v --verbose' -s v -l verbose -d 'Print more of what is done, and the warnings of libraries.'
complete -c dip -n '__dip_in fit --progress' -l progress -d 'Form of progress on stderr. Default: bar on a terminal, plain elsewhere.' -r -f -a 'bar plain json none'
complete -c dip -n '__dip_in fit --arch' -l arch -d 'Architecture, from the list below, or code of yours: MODULE:NAME.' -r -f -a '(__dip_fill $__dip_place_arch)'
complete -c dip -n '__dip_in fit --width' -l width -d 'Number of channels, per level.' -r -f
complete -c dip -n '__dip_in fit --depth' -l depth -d 'Number of levels.' -r -f
complete -c dip -n '__dip_in fit --skip' -l skip -d 'Channels of the skip connections, per level.' -r -f
complete -c dip -n '__dip_in fit --kernel' -l kernel -d 'Side of the convolution kernels, per level; odd.' -r -f
complete -c dip -n '__dip_in fit --stride' -l stride -d 'Factor of down- and upsampling, per level.' -r -f
complete -c dip -n '__dip_in fit --dims' -l dims -d 'Dimensions of the convolutions: 2 for images; 3 fits the pages of a stack as one volume.' -r -f
complete -c dip -n '__dip_in fit --stride-z' -l stride-z -d 'Factor of down- and upsampling along the planes of a volume, per level; 0: chosen from the voxel size and the number of planes.' -r -f
complete -c dip -n '__dip_in fit --upsample' -l upsample -d 'Upsampling method, per level; lpf:1 copies pixels, lpf:6 is the smoothest filter.' -r -f -a '(__dip_fill $__dip_place_fit_upsample)'
complete -c dip -n '__dip_in fit --pad' -l pad -d 'Padding of the convolutions.' -r -f -a 'zero reflect'
complete -c dip -n '__dip_in fit --norm' -l norm -d 'Normalisation layer.' -r -f -a 'batch mean-only none'
complete -c dip -n '__dip_in fit --activation' -l activation -d 'Activation function; the SLOPE of leaky-relu is 0.2 by default.' -r -f -a 'leaky-relu relu elu swish'
complete -c dip -n '__dip_in fit --dropout' -l dropout -d 'Fraction of a level\'s output values that each step sets to 0, per level.' -r -f
complete -c dip -n '__dip_in fit --slope' -l slope -d 'Least slope of the last sigmoid in the backward pass: a saturated pixel would learn nothing any more; 0: the true slope.' -r -f
complete -c dip -n '__dip_in fit --lipschitz' -l lipschitz -d 'Upper bound on the spectral norm of k x k convolutions; 0: no bound; auto: chosen from the size and the noise of the image. --norm batch cancels it.' -r -f -a 'auto 0'
complete -c dip -n '__dip_in fit --input' -l input -d 'Network input.' -r -f -a 'noise fourier meshgrid image'
complete -c dip -n '__dip_in fit --input-channels' -l input-channels -d 'Channels of a noise or fourier input; 0: as many as the image has (deep-decoder and conv-decoder: as their coarsest level has).' -r -f
complete -c dip -n '__dip_in fit --input-distribution' -l input-distribution -d 'Distribution of the input noise: U(0, 0.1) or N(0, 1).' -r -f -a 'uniform normal'
complete -c dip -n '__dip_in fit --input-sigma' -l input-sigma -d 'Sigma in pixels of a Gaussian blur of the input noise; 0: no blur.' -r -f
complete -c dip -n '__dip_in fit --input-noise' -l input-noise -d 'Sigma of the Gaussian noise that each step adds to the input.' -r -f
complete -c dip -n '__dip_in fit --task' -l task -d 'Restoration task, from the list of tasks below; auto: inpaint if the image has unknown pixels, else denoise.' -r -f -a '(__dip_fill $__dip_place_task)'
complete -c dip -n '__dip_in fit --iterations' -l iterations -d 'Number of optimiser steps.' -r -f
complete -c dip -n '__dip_in fit --lr' -l lr -d 'Learning rate.' -r -f
complete -c dip -n '__dip_in fit --optimizer' -l optimizer -d 'Optimiser.' -r -f -a 'adam sgd lbfgs sgld'
complete -c dip -n '__dip_in fit --loss' -l loss -d 'Loss to minimise, from the list of losses below; SIGMA in 1/255.' -r -f -a '(__dip_fill $__dip_place_loss)'
complete -c dip -n '__dip_in fit --burn-in' -l burn-in -d 'First iteration whose output sgld may sample; 0: 35 % of --iterations.' -r -f
complete -c dip -n '__dip_in fit --sample-every' -l sample-every -d 'Iterations between two samples of sgld; 0: about 100 samples, at most 50 apart.' -r -f
complete -c dip -n '__dip_in fit --average' -l average -d 'Weight of the running mean of the outputs; 0: no mean.' -r -f
complete -c dip -n '__dip_in fit --average-warmup' -l average-warmup -d 'Cap the weight of the running mean at T / (T + K) at step T, so that it forgets the first steps.' -r -f
complete -c dip -n '__dip_in fit --batch' -l batch -d 'Pixels per step (relunet only).' -r -f
complete -c dip -n '__dip_in fit --stop' -l stop -d 'Stopping rule: ends the fit and chooses the estimate; from the list of rules below, auto or none.' -r -f -a '(__dip_fill $__dip_place_rule)'
complete -c dip -n '__dip_in fit --full' -l full -d 'Run to the last iteration; the stopping rule only chooses the estimate.'
complete -c dip -n '__dip_in fit --seed' -l seed -d 'Random seed of weights, input and noise; run K uses SEED + K.' -r -f
complete -c dip -n '__dip_in fit --noise' -l noise -d 'Noise of the image; that of a camera (poisson-gaussian, in the numbers of the file) is made the same everywhere for the fit; auto: estimated from the image.' -r -f -a '(__dip_fill $__dip_place_fit_noise)'
complete -c dip -n '__dip_in fit --start' -l start -d 'Begin with the weights of another fit instead of random ones. previous: of a stack, each page with those of the page before; of several images, each with those of the image before.' -r -f -a 'previous'
complete -c dip -n '__dip_in fit --tile' -l tile -d 'Fit overlapping tiles of this side and join them: less memory and time; 0: the whole picture; auto: tiles of 272 where the picture has more than 400,000 pixels.' -r -f -a 'auto 0'
complete -c dip -n '__dip_in fit --runs' -l runs -d 'Number of fits of each image, each with its own seed.' -r -f
complete -c dip -n '__dip_in fit --time' -l time -d 'Stop the fit after this time.' -r -f
complete -c dip -n '__dip_in fit --save-every' -l save-every -d 'Save a frame every K iterations; 0: about a hundred frames.' -r -f
complete -c dip -n '__dip_in fit --save-at' -l save-at -d 'Save frames at these iterations: alone it replaces --save-every, with it it adds.' -r -f -a '(__dip_fill $__dip_place_fit_save_at)'
complete -c dip -n '__dip_in fit --save-dtype' -l save-dtype -d 'Number format of the saved frames.' -r -f -a 'float16 float32'
complete -c dip -n '__dip_in fit --record' -l record -d 'Record these measures while fitting, without saving frames.' -r -f -a '(__dip_fill $__dip_place_fit_record)'
complete -c dip -n '__dip_in fit --record-every' -l record-every -d 'Record every K iterations.' -r -f
complete -c dip -n '__dip_in fit --checkpoint-every' -l checkpoint-every -d 'Write a checkpoint every K iterations; 0: every minute.' -r -f
complete -c dip -n '__dip_in fit --device' -l device -d 'Device that computes.' -r -f -a 'auto cpu cuda mps'
complete -c dip -n '__dip_in fit --precision' -l precision -d 'Precision of the convolutions; auto: bfloat16 where it is faster and as good.' -r -f -a 'auto float32 bfloat16'
complete -c dip -n '__dip_in fit --threads' -l threads -d 'CPU threads per fit.' -r -f -a 'auto'
complete -c dip -n '__dip_in fit --jobs' -l jobs -d 'Number of fits run in parallel.' -r -f -a 'auto'
complete -c dip -n '__dip_in fit -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument spectrum 1 more' -F -a '(__dip_fill $__dip_place_spectrum_names)'
complete -c dip -n '__dip_in spectrum --measure' -l measure -d 'Measure from the list below, MODULE:FUNCTION, or onset: the first iteration at which the fbc of a band reaches --threshold.' -r -f -a '(__dip_fill $__dip_place_measure)'
complete -c dip -n '__dip_in spectrum --bands' -l bands -d 'Number of frequency bands of fbc.' -r -f
complete -c dip -n '__dip_in spectrum --reference' -l reference -d 'Reference to compare frames with.' -r -F -a '(__dip_fill $__dip_place_spectrum_reference)'
complete -c dip -n '__dip_in spectrum --threshold' -l threshold -d 'Thresholds of onset, from 0 to 1.' -r -f
complete -c dip -n '__dip_in spectrum --at' -l at -d 'Use only the saved iterations nearest to these.' -r -f
complete -c dip -n '__dip_in spectrum --plot' -l plot -d 'Figure to draw: .svg, .png or .pdf.' -r -F
complete -c dip -n '__dip_in spectrum --label' -l label -d 'Names of the panels of --plot.' -r -f
complete -c dip -n '__dip_in spectrum --page' -l page -d 'Pages of a stack to read, from 1: a comma list of N or A-B.' -r -f -a '(__dip_fill $__dip_place_spectrum_page)'
complete -c dip -n '__dip_in spectrum --axes' -l axes -d 'Dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in spectrum --normalize' -l normalize -d 'Pixel values mapped to 0 and 1. auto: the range of their type (8, 10, 12, 14 or 16 bits; floats: 0 to 1) if the data fill a quarter of it, else the range of the data; 8 bits are always 0 to 255 but in a fit. Single hot or dead pixels and unknown pixels do not count.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in spectrum --alpha' -l alpha -d 'Transparent pixels: unknown, kept with their opacity, or opaque (drop).' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in spectrum --level' -l level -d 'Level of an OME-Zarr image; 0 is the finest.' -r -f
complete -c dip -n '__dip_in spectrum --series' -l series -d 'Image of a file that has several, from 1; default: the first.' -r -f
complete -c dip -n '__dip_in spectrum -f --force' -s f -l force -d 'Overwrite an output that exists.'
complete -c dip -n '__dip_in spectrum --format' -l format -d 'Format of the rows; default: table on a terminal, tsv elsewhere.' -r -f -a 'table tsv csv jsonl none'
complete -c dip -n '__dip_in spectrum --columns' -l columns -d 'Columns of the rows, in this order. Default: all; a table on a terminal has those that fit.' -r -f
complete -c dip -n '__dip_in spectrum --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in spectrum -q --quiet' -s q -l quiet -d 'Print nothing but errors.'
complete -c dip -n '__dip_in spectrum -v --verbose' -s v -l verbose -d 'Print more of what is done, and the warnings of libraries.'
complete -c dip -n '__dip_in spectrum --progress' -l progress -d 'Form of progress on stderr. Default: bar on a terminal, plain elsewhere.' -r -f -a 'bar plain json none'
complete -c dip -n '__dip_in spectrum -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument trajdist 1 more' -F -a '(__dip_fill $__dip_place_trajdist_names)'
complete -c dip -n '__dip_in trajdist --against' -l against -d 'Run or image to compare with. auto: the runs of a target with each other; a single run with its target, its clean image and its previous frame.' -r -F -a '(__dip_fill $__dip_place_trajdist_against)'
complete -c dip -n '__dip_in trajdist --bands' -l bands -d 'Split the squared error into this many bands of frequency.' -r -f
complete -c dip -n '__dip_in trajdist --summary' -l summary -d 'Print where two trajectories converge, part, and converge again.'
complete -c dip -n '__dip_in trajdist --frc' -l frc -d 'Print the Fourier ring correlation of both, in place of distances: in which frequencies they agree.'
complete -c dip -n '__dip_in trajdist --ssim' -l ssim -d 'Add a column of the structural similarity.'
complete -c dip -n '__dip_in trajdist --luma' -l luma -d 'Compare only the luma of BT.601, from 16 to 235 of 255.'
complete -c dip -n '__dip_in trajdist --border' -l border -d 'Pixels to leave out at each side.' -r -f
complete -c dip -n '__dip_in trajdist --at' -l at -d 'Use only the saved iterations nearest to these.' -r -f
complete -c dip -n '__dip_in trajdist --plot' -l plot -d 'Figure to draw: .svg, .png or .pdf.' -r -F
complete -c dip -n '__dip_in trajdist --label' -l label -d 'Names of the panels of --plot.' -r -f
complete -c dip -n '__dip_in trajdist --page' -l page -d 'Pages of a stack to read, from 1: a comma list of N or A-B.' -r -f -a '(__dip_fill $__dip_place_trajdist_page)'
complete -c dip -n '__dip_in trajdist --axes' -l axes -d 'Dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in trajdist --normalize' -l normalize -d 'Pixel values mapped to 0 and 1. auto: the range of their type (8, 10, 12, 14 or 16 bits; floats: 0 to 1) if the data fill a quarter of it, else the range of the data; 8 bits are always 0 to 255 but in a fit. Single hot or dead pixels and unknown pixels do not count.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in trajdist --alpha' -l alpha -d 'Transparent pixels: unknown, kept with their opacity, or opaque (drop).' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in trajdist --level' -l level -d 'Level of an OME-Zarr image; 0 is the finest.' -r -f
complete -c dip -n '__dip_in trajdist --series' -l series -d 'Image of a file that has several, from 1; default: the first.' -r -f
complete -c dip -n '__dip_in trajdist -f --force' -s f -l force -d 'Overwrite an output that exists.'
complete -c dip -n '__dip_in trajdist --format' -l format -d 'Format of the rows; default: table on a terminal, tsv elsewhere.' -r -f -a 'table tsv csv jsonl none'
complete -c dip -n '__dip_in trajdist --columns' -l columns -d 'Columns of the rows, in this order. Default: all; a table on a terminal has those that fit.' -r -f
complete -c dip -n '__dip_in trajdist --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in trajdist -q --quiet' -s q -l quiet -d 'Print nothing but errors.'
complete -c dip -n '__dip_in trajdist -v --verbose' -s v -l verbose -d 'Print more of what is done, and the warnings of libraries.'
complete -c dip -n '__dip_in trajdist --progress' -l progress -d 'Form of progress on stderr. Default: bar on a terminal, plain elsewhere.' -r -f -a 'bar plain json none'
complete -c dip -n '__dip_in trajdist -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument gpkernel 1 more' -F
complete -c dip -n '__dip_in gpkernel --depth' -l depth -d 'Layers of convolution and ReLU; with --arch, its levels.' -r -f
complete -c dip -n '__dip_in gpkernel --sigma' -l sigma -d 'Standard deviation of the Gaussian that smooths the input noise.' -r -f
complete -c dip -n '__dip_in gpkernel --upsample' -l upsample -d 'Upsample by 2 before each convolution; with --arch, a method per level.' -r -f -a 'nearest bilinear gaussian'
complete -c dip -n '__dip_in gpkernel --length' -l length -d 'Number of lags or of values of a draw.' -r -f
complete -c dip -n '__dip_in gpkernel --empirical' -l empirical -d 'Also estimate the kernel from sampled networks.'
complete -c dip -n '__dip_in gpkernel --samples' -l samples -d 'Number of networks, or of draws for --std; of --tangent the random images of a band, the eigenvalues, or the steps of a prediction.' -r -f
complete -c dip -n '__dip_in gpkernel --width' -l width -d 'Channels of the sampled networks; with --arch, per level.' -r -f
complete -c dip -n '__dip_in gpkernel --size' -l size -d 'Size of the images that --arch outputs.' -r -f
complete -c dip -n '__dip_in gpkernel --preset' -l preset -d 'Network of a paper; other options override it.' -r -f -a '(__dip_fill $__dip_place_preset)'
complete -c dip -n '__dip_in gpkernel --stationarity' -l stationarity -d 'Test if the covariance depends on position.'
complete -c dip -n '__dip_in gpkernel --draw' -l draw -d 'Print N samples of the prior.' -r -f
complete -c dip -n '__dip_in gpkernel --seed' -l seed -d 'Random seed.' -r -f
complete -c dip -n '__dip_in gpkernel --tangent' -l tangent -d 'Print the tangent kernel, which says how fast gradient descent learns what: its rate in bands of frequency, its leading eigenvalues, the filter of a pixel, or the error of the bands of STORE as it predicts it.' -r -f -a 'bands eigenvalues filter prediction'
complete -c dip -n '__dip_in gpkernel --bands' -l bands -d 'Number of frequency bands.' -r -f
complete -c dip -n '__dip_in gpkernel --pixel' -l pixel -d 'Pixel of the filter.' -r -f
complete -c dip -n '__dip_in gpkernel --at' -l at -d 'Use only the saved iterations nearest to these.' -r -f
complete -c dip -n '__dip_in gpkernel --posterior' -l posterior -d 'Fill in the unknown pixels of IMAGE, or denoise it if it has none.' -r -F -a '(__dip_fill $__dip_place_image)'
complete -c dip -n '__dip_in gpkernel -o --output' -s o -l output -d 'Write the mean here; - is stdout.' -r -F
complete -c dip -n '__dip_in gpkernel --std' -l std -d 'Write the standard deviation here.' -r -F
complete -c dip -n '__dip_in gpkernel --kernel' -l kernel -d 'Kernel of the Gaussian process.' -r -f -a 'analytic empirical rbf'
complete -c dip -n '__dip_in gpkernel --noise' -l noise -d 'Standard deviation of the noise on known pixels, in 1/255.' -r -f
complete -c dip -n '__dip_in gpkernel --page' -l page -d 'Pages of a stack to read, from 1: a comma list of N or A-B.' -r -f -a '(__dip_fill $__dip_place_gpkernel_page)'
complete -c dip -n '__dip_in gpkernel --axes' -l axes -d 'Dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in gpkernel --normalize' -l normalize -d 'Pixel values mapped to 0 and 1. auto: the range of their type (8, 10, 12, 14 or 16 bits; floats: 0 to 1) if the data fill a quarter of it, else the range of the data; 8 bits are always 0 to 255 but in a fit. Single hot or dead pixels and unknown pixels do not count.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in gpkernel --alpha' -l alpha -d 'Transparent pixels: unknown, kept with their opacity, or opaque (drop).' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in gpkernel --level' -l level -d 'Level of an OME-Zarr image; 0 is the finest.' -r -f
complete -c dip -n '__dip_in gpkernel --series' -l series -d 'Image of a file that has several, from 1; default: the first.' -r -f
complete -c dip -n '__dip_in gpkernel --image-format' -l image-format -d 'Image format of the output; default: by its extension.' -r -f -a 'png tiff jpeg webp npy ome-zarr'
complete -c dip -n '__dip_in gpkernel --plot' -l plot -d 'Figure to draw: .svg, .png or .pdf.' -r -F
complete -c dip -n '__dip_in gpkernel --label' -l label -d 'Names of the panels of --plot.' -r -f
complete -c dip -n '__dip_in gpkernel -f --force' -s f -l force -d 'Overwrite an output that exists.'
complete -c dip -n '__dip_in gpkernel --format' -l format -d 'Format of the rows; default: table on a terminal, tsv elsewhere.' -r -f -a 'table tsv csv jsonl none'
complete -c dip -n '__dip_in gpkernel --columns' -l columns -d 'Columns of the rows, in this order. Default: all; a table on a terminal has those that fit.' -r -f
complete -c dip -n '__dip_in gpkernel --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in gpkernel -q --quiet' -s q -l quiet -d 'Print nothing but errors.'
complete -c dip -n '__dip_in gpkernel -v --verbose' -s v -l verbose -d 'Print more of what is done, and the warnings of libraries.'
complete -c dip -n '__dip_in gpkernel --progress' -l progress -d 'Form of progress on stderr. Default: bar on a terminal, plain elsewhere.' -r -f -a 'bar plain json none'
complete -c dip -n '__dip_in gpkernel --arch' -l arch -d 'Architecture, from the list below, or code of yours: MODULE:NAME.' -r -f -a '(__dip_fill $__dip_place_arch)'
complete -c dip -n '__dip_in gpkernel --skip' -l skip -d 'Channels of the skip connections, per level.' -r -f
complete -c dip -n '__dip_in gpkernel --stride' -l stride -d 'Factor of down- and upsampling, per level.' -r -f
complete -c dip -n '__dip_in gpkernel --pad' -l pad -d 'Padding of the convolutions.' -r -f -a 'zero reflect'
complete -c dip -n '__dip_in gpkernel --norm' -l norm -d 'Normalisation layer.' -r -f -a 'batch mean-only none'
complete -c dip -n '__dip_in gpkernel --activation' -l activation -d 'Activation function; the SLOPE of leaky-relu is 0.2 by default.' -r -f -a 'leaky-relu relu elu swish'
complete -c dip -n '__dip_in gpkernel --dropout' -l dropout -d 'Fraction of a level\'s output values that each step sets to 0, per level.' -r -f
complete -c dip -n '__dip_in gpkernel --slope' -l slope -d 'Least slope of the last sigmoid in the backward pass: a saturated pixel would learn nothing any more; 0: the true slope.' -r -f
complete -c dip -n '__dip_in gpkernel --lipschitz' -l lipschitz -d 'Upper bound on the spectral norm of k x k convolutions; 0: no bound; auto: chosen from the size and the noise of the image. --norm batch cancels it.' -r -f -a 'auto 0'
complete -c dip -n '__dip_in gpkernel --input' -l input -d 'Network input.' -r -f -a 'noise fourier meshgrid image'
complete -c dip -n '__dip_in gpkernel --input-channels' -l input-channels -d 'Channels of a noise or fourier input; 0: as many as the image has (deep-decoder and conv-decoder: as their coarsest level has).' -r -f
complete -c dip -n '__dip_in gpkernel --input-distribution' -l input-distribution -d 'Distribution of the input noise: U(0, 0.1) or N(0, 1).' -r -f -a 'uniform normal'
complete -c dip -n '__dip_in gpkernel --input-sigma' -l input-sigma -d 'Sigma in pixels of a Gaussian blur of the input noise; 0: no blur.' -r -f
complete -c dip -n '__dip_in gpkernel --input-noise' -l input-noise -d 'Sigma of the Gaussian noise that each step adds to the input.' -r -f
complete -c dip -n '__dip_in gpkernel -h --help' -s h -l help -d 'Show this message and exit.'

complete -c dip -n '__dip_argument report 1 more' -F -a '(__dip_fill $__dip_place_report_names)'
complete -c dip -n '__dip_in report -o --output' -s o -l output -d 'Report to write; - is stdout.' -r -F
complete -c dip -n '__dip_in report --format' -l format -d 'Format of the report; by default that of the extension of -o, else a table.' -r -f -a 'html md json table tsv csv jsonl none'
complete -c dip -n '__dip_in report --columns' -l columns -d 'Columns of the table. config.lr is the --lr of the fit, config all its settings; frames and bytes can be named too.' -r -f
complete -c dip -n '__dip_in report --page' -l page -d 'Pages of a stack to read, from 1: a comma list of N or A-B.' -r -f -a '(__dip_fill $__dip_place_report_page)'
complete -c dip -n '__dip_in report --axes' -l axes -d 'Dimensions of a file that does not name them.' -r -f
complete -c dip -n '__dip_in report --normalize' -l normalize -d 'Pixel values mapped to 0 and 1. auto: the range of their type (8, 10, 12, 14 or 16 bits; floats: 0 to 1) if the data fill a quarter of it, else the range of the data; 8 bits are always 0 to 255 but in a fit. Single hot or dead pixels and unknown pixels do not count.' -r -f -a 'auto dtype minmax'
complete -c dip -n '__dip_in report --alpha' -l alpha -d 'Transparent pixels: unknown, kept with their opacity, or opaque (drop).' -r -f -a 'unknown keep drop'
complete -c dip -n '__dip_in report --level' -l level -d 'Level of an OME-Zarr image; 0 is the finest.' -r -f
complete -c dip -n '__dip_in report --series' -l series -d 'Image of a file that has several, from 1; default: the first.' -r -f
complete -c dip -n '__dip_in report --title' -l title -d 'Title of the page.' -r -f
complete -c dip -n '__dip_in report --label' -l label -d 'Names of the panels of --plot.' -r -f
complete -c dip -n '__dip_in report --open' -l open -d 'Open the page in the browser.'
complete -c dip -n '__dip_in report --watch' -l watch -d 'Write the page again every few seconds while a fit goes on.'
complete -c dip -n '__dip_in report --no-header' -l no-header -d 'Print rows without a header.'
complete -c dip -n '__dip_in report -f --force' -s f -l force -d 'Overwrite an output that exists.'
complete -c dip -n '__dip_in report -q --quiet' -s q -l quiet -d 'Print nothing but errors.'
complete -c dip -n '__dip_in report -v --verbose' -s v -l verbose -d 'Print more of what is done, and the warnings of libraries.'
complete -c dip -n '__dip_in report --progress' -l progress -d 'Form of progress on stderr. Default: bar on a terminal, plain elsewhere.' -r -f -a 'bar plain json none'
complete -c dip -n '__dip_in report -h --help' -s h -l help -d 'Show this message and exit.'
