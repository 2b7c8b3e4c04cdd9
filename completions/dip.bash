# Completion of dip for bash 4 and newer.
# Made by `make completions` from the commands; what is here to read is in tools/completions/template.bash.

# The arguments and the options of a command, and what they expect.
_dip_knows() {
    case $1 in
        dip)
            commands=(
                'corrupt'
                'fit'
                'spectrum'
                'trajdist'
                'gpkernel'
                'report'
            )
            arguments=(
            )
            options=(
                '--version'
                '-v --verbose'
                '-h --help'
            )
            ;;
        corrupt)
            arguments=(
                '@image'
                '@degradation ...'
            )
            options=(
                '-o --output = <PATH>'
                '--seed ='
                '--page = @corrupt_page'
                '--axes ='
                '--normalize = auto dtype minmax'
                '--alpha = unknown keep drop'
                '--level ='
                '--series ='
                '--depth = 8 16 float'
                '--image-format = png tiff jpeg webp npy ome-zarr'
                '-f --force'
                '--list'
                '--format = table tsv csv jsonl none'
                '--no-header'
                '-q --quiet'
                '-v --verbose'
                '--progress = bar plain json none'
                '-h --help'
            )
            ;;
        fit)
            arguments=(
                '@image ...'
            )
            options=(
                '-o --output = <PATH>'
                '--image = <PATH>'
                '--std = <PATH>'
                '--clean = @image'
                '--mask = @image'
                '--mask-invert'
                '--preset = @preset'
                '--like = <PATH>'
                '--settings = <PATH>'
                '--table = <PATH>'
                '--failed = <PATH>'
                '--cluster ='
                '--resume'
                '-n --dry-run'
                '--page = @fit_page'
                '--axes ='
                '--normalize = auto dtype minmax'
                '--alpha = unknown keep drop'
                '--level ='
                '--series ='
                '--image-format = png tiff jpeg webp npy ome-zarr'
                '-f --force'
                '--format = table tsv csv jsonl toml none'
                '--no-header'
                '-q --quiet'
                '-v --verbose'
                '--progress = bar plain json none'
                '--arch = @arch'
                '--width ='
                '--depth ='
                '--skip ='
                '--kernel ='
                '--stride ='
                '--dims ='
                '--stride-z ='
                '--upsample = @fit_upsample'
                '--pad = zero reflect'
                '--norm = batch mean-only none'
                '--activation = leaky-relu relu elu swish'
                '--dropout ='
                '--slope ='
                '--lipschitz = auto 0'
                '--input = noise fourier meshgrid image'
                '--input-channels ='
                '--input-distribution = uniform normal'
                '--input-sigma ='
                '--input-noise ='
                '--task = @task'
                '--iterations ='
                '--lr ='
                '--optimizer = adam sgd lbfgs sgld'
                '--loss = @loss'
                '--burn-in ='
                '--sample-every ='
                '--average ='
                '--average-warmup ='
                '--batch ='
                '--stop = @rule'
                '--full'
                '--seed ='
                '--noise = @fit_noise'
                '--start = previous'
                '--tile = auto 0'
                '--runs ='
                '--time ='
                '--save-every ='
                '--save-at = @fit_save_at'
                '--save-dtype = float16 float32'
                '--record = @fit_record'
                '--record-every ='
                '--checkpoint-every ='
                '--device = auto cpu cuda mps'
                '--precision = auto float32 bfloat16'
                '--threads = auto'
                '--jobs = auto'
                '-h --help'
            )
            ;;
        spectrum)
            arguments=(
                '@spectrum_names ...'
            )
            options=(
                '--measure = @measure'
                '--bands ='
                '--reference = @spectrum_reference'
                '--threshold ='
                '--at ='
                '--plot = <PATH>'
                '--label ='
                '--page = @spectrum_page'
                '--axes ='
                '--normalize = auto dtype minmax'
                '--alpha = unknown keep drop'
                '--level ='
                '--series ='
                '-f --force'
                '--format = table tsv csv jsonl none'
                '--columns ='
                '--no-header'
                '-q --quiet'
                '-v --verbose'
                '--progress = bar plain json none'
                '-h --help'
            )
            ;;
        trajdist)
            arguments=(
                '@trajdist_names ...'
            )
            options=(
                '--against = @trajdist_against'
                '--bands ='
                '--summary'
                '--frc'
                '--ssim'
                '--luma'
                '--border ='
                '--at ='
                '--plot = <PATH>'
                '--label ='
                '--page = @trajdist_page'
                '--axes ='
                '--normalize = auto dtype minmax'
                '--alpha = unknown keep drop'
                '--level ='
                '--series ='
                '-f --force'
                '--format = table tsv csv jsonl none'
                '--columns ='
                '--no-header'
                '-q --quiet'
                '-v --verbose'
                '--progress = bar plain json none'
                '-h --help'
            )
            ;;
        gpkernel)
            arguments=(
                '<PATH> ...'
            )
            options=(
                '--depth ='
                '--sigma ='
                '--upsample = nearest bilinear gaussian'
                '--length ='
                '--empirical'
                '--samples ='
                '--width ='
                '--size ='
                '--preset = @preset'
                '--stationarity'
                '--draw ='
                '--seed ='
                '--tangent = bands eigenvalues filter prediction'
                '--bands ='
                '--pixel ='
                '--at ='
                '--posterior = @image'
                '-o --output = <PATH>'
                '--std = <PATH>'
                '--kernel = analytic empirical rbf'
                '--noise ='
                '--page = @gpkernel_page'
                '--axes ='
                '--normalize = auto dtype minmax'
                '--alpha = unknown keep drop'
                '--level ='
                '--series ='
                '--image-format = png tiff jpeg webp npy ome-zarr'
                '--plot = <PATH>'
                '--label ='
                '-f --force'
                '--format = table tsv csv jsonl none'
                '--columns ='
                '--no-header'
                '-q --quiet'
                '-v --verbose'
                '--progress = bar plain json none'
                '--arch = @arch'
                '--skip ='
                '--stride ='
                '--pad = zero reflect'
                '--norm = batch mean-only none'
                '--activation = leaky-relu relu elu swish'
                '--dropout ='
                '--slope ='
                '--lipschitz = auto 0'
                '--input = noise fourier meshgrid image'
                '--input-channels ='
                '--input-distribution = uniform normal'
                '--input-sigma ='
                '--input-noise ='
                '-h --help'
            )
            ;;
        report)
            arguments=(
                '@report_names ...'
            )
            options=(
                '-o --output = <PATH>'
                '--format = html md json table tsv csv jsonl none'
                '--columns ='
                '--page = @report_page'
                '--axes ='
                '--normalize = auto dtype minmax'
                '--alpha = unknown keep drop'
                '--level ='
                '--series ='
                '--title ='
                '--label ='
                '--open'
                '--watch'
                '--no-header'
                '-f --force'
                '-q --quiet'
                '-v --verbose'
                '--progress = bar plain json none'
                '-h --help'
            )
            ;;
    esac
}

_dip_place() {
    case $1 in
        @corrupt_page)
            place=(
                ','
                'all'
            )
            ;;
        @image)
            place=(
                '<PATH>'
                'builtin:triangle'
                'builtin:astronaut'
                'builtin:brick'
                'builtin:camera'
                'builtin:cat'
                'builtin:cell'
                'builtin:chelsea'
                'builtin:clock'
                'builtin:coffee'
                'builtin:coins'
                'builtin:grass'
                'builtin:gravel'
                'builtin:hubble_deep_field'
                'builtin:immunohistochemistry'
                'builtin:moon'
                'builtin:page'
                'builtin:retina'
                'builtin:rocket'
                'builtin:text'
            )
            ;;
        @degradation)
            place=(
                'gaussian:<SIGMA>,clip=1,shared=0'
                'poisson:<PHOTONS>'
                'poisson-gaussian:<GAIN>,read=0,offset=0,clip=1'
                'impulse:<FRACTION>,mode=salt-pepper|uniform'
                'speckle:<SIGMA>'
                'uniform:<WIDTH>'
                'lowfreq:<SIGMA>,cutoff=4,shared=0'
                'band:<SIGMA>,low=0,high=1'
                'stripes:<AMPLITUDE>,period=2,angle=0,extent=1'
                'mask:<FRACTION>'
                'hole:<SIDE>,x=0.5,y=0.5'
                'maskfile:<PATH>,invert=0'
                'downsample:<FACTOR>,kernel=area|lanczos|lanczos3|bicubic|nearest'
                'blur:<SIZE>,kernel=gaussian|box|motion,angle=0'
                'jpeg:<QUALITY>'
                'fourier:<FRACTION>,mode=random|radial'
                'crop:<WxH[+X+Y]>'
                'gray'
            )
            ;;
        @preset)
            place=(
                'fast'
                'ulyanov'
                'chakrabarty'
                'shi'
                'heckel'
            )
            ;;
        @fit_page)
            place=(
                ','
                'all'
            )
            ;;
        @arch)
            place=(
                'dip'
                'linear'
                'relunet'
                'decoder'
                'deep-decoder'
                'conv-decoder'
                'generator'
            )
            ;;
        @fit_upsample)
            place=(
                ','
                'nearest'
                'bilinear'
                'deconv'
                'gaussian'
                'lpf:<K>'
                'kaiser:<TAPS,BETA>'
            )
            ;;
        @task)
            place=(
                'auto'
                'denoise'
                'inpaint'
                'sr:<FACTOR>,kernel=area|lanczos|lanczos3|bicubic|nearest'
                'dejpeg'
                'deblur:<SIZE>,kernel=gaussian|box|motion,angle=0'
                'sense:<FRACTION>,mode=random|radial,seed=0,page=1,place=0'
                'enhance'
                'flash:<PATH>'
            )
            ;;
        @loss)
            place=(
                'mse'
                'l1'
                'huber'
                'poisson'
                'tv:<W>'
                'spectral:<KIND>'
                'dc:<SIGMA>'
                'sure:<SIGMA>'
            )
            ;;
        @rule)
            place=(
                'auto'
                'none'
                'whiteness:<LAG>'
                'es-wmv'
                'es-emv'
                'blur-sharp'
                'discrepancy:<SIGMA>'
                'self-validation'
            )
            ;;
        @fit_noise)
            place=(
                'auto'
                'gaussian'
                'poisson-gaussian:<GAIN[,read=R][,offset=O]>'
            )
            ;;
        @fit_save_at)
            place=(
                ','
                'log:<N>'
            )
            ;;
        @fit_record)
            place=(
                ','
                'fbc'
                'fbc-energy'
                'power'
                'error'
                'amplitude'
                'frc'
                'frc-halves'
                'resolution'
                'phase'
                'learned'
                'blur-sharp'
                'psnr'
                'ssim'
            )
            ;;
        @measure)
            place=(
                'fbc'
                'fbc-energy'
                'power'
                'error'
                'amplitude'
                'frc'
                'frc-halves'
                'resolution'
                'phase'
                'learned'
                'blur-sharp'
                'psnr'
                'ssim'
            )
            ;;
        @spectrum_reference)
            place=(
                'target'
                'clean'
                '<PATH>'
                'builtin:triangle'
                'builtin:astronaut'
                'builtin:brick'
                'builtin:camera'
                'builtin:cat'
                'builtin:cell'
                'builtin:chelsea'
                'builtin:clock'
                'builtin:coffee'
                'builtin:coins'
                'builtin:grass'
                'builtin:gravel'
                'builtin:hubble_deep_field'
                'builtin:immunohistochemistry'
                'builtin:moon'
                'builtin:page'
                'builtin:retina'
                'builtin:rocket'
                'builtin:text'
            )
            ;;
        @spectrum_page)
            place=(
                ','
                'all'
            )
            ;;
        @spectrum_names)
            place=(
                '<PATH>'
                'builtin:triangle'
                'builtin:astronaut'
                'builtin:brick'
                'builtin:camera'
                'builtin:cat'
                'builtin:cell'
                'builtin:chelsea'
                'builtin:clock'
                'builtin:coffee'
                'builtin:coins'
                'builtin:grass'
                'builtin:gravel'
                'builtin:hubble_deep_field'
                'builtin:immunohistochemistry'
                'builtin:moon'
                'builtin:page'
                'builtin:retina'
                'builtin:rocket'
                'builtin:text'
            )
            ;;
        @trajdist_against)
            place=(
                'auto'
                'runs'
                'target'
                'clean'
                'previous'
                '<PATH>'
                'builtin:triangle'
                'builtin:astronaut'
                'builtin:brick'
                'builtin:camera'
                'builtin:cat'
                'builtin:cell'
                'builtin:chelsea'
                'builtin:clock'
                'builtin:coffee'
                'builtin:coins'
                'builtin:grass'
                'builtin:gravel'
                'builtin:hubble_deep_field'
                'builtin:immunohistochemistry'
                'builtin:moon'
                'builtin:page'
                'builtin:retina'
                'builtin:rocket'
                'builtin:text'
            )
            ;;
        @trajdist_page)
            place=(
                ','
                'all'
            )
            ;;
        @trajdist_names)
            place=(
                '<PATH>'
                'builtin:triangle'
                'builtin:astronaut'
                'builtin:brick'
                'builtin:camera'
                'builtin:cat'
                'builtin:cell'
                'builtin:chelsea'
                'builtin:clock'
                'builtin:coffee'
                'builtin:coins'
                'builtin:grass'
                'builtin:gravel'
                'builtin:hubble_deep_field'
                'builtin:immunohistochemistry'
                'builtin:moon'
                'builtin:page'
                'builtin:retina'
                'builtin:rocket'
                'builtin:text'
            )
            ;;
        @gpkernel_page)
            place=(
                ','
                'all'
            )
            ;;
        @report_page)
            place=(
                ','
                'all'
            )
            ;;
        @report_names)
            place=(
                '<PATH>'
                'builtin:triangle'
                'builtin:astronaut'
                'builtin:brick'
                'builtin:camera'
                'builtin:cat'
                'builtin:cell'
                'builtin:chelsea'
                'builtin:clock'
                'builtin:coffee'
                'builtin:coins'
                'builtin:grass'
                'builtin:gravel'
                'builtin:hubble_deep_field'
                'builtin:immunohistochemistry'
                'builtin:moon'
                'builtin:page'
                'builtin:retina'
                'builtin:rocket'
                'builtin:text'
            )
            ;;
    esac
}

_dip() {
    local IFS=$' \t\n'
    local commands=() options=() arguments=() words=() word
    local typed= kept= command= expects= used=' ' ended= count=0
    COMPREPLY=()
    _dip_split
    _dip_knows dip
    for word in "${words[@]:1}"; do
        _dip_follow "$word"
    done
    if [[ -n $expects ]]; then
        _dip_fill '' "${expects#=}"
    elif [[ -z $ended && $typed == --*=* ]]; then
        _dip_use "${typed%%=*}"
        _dip_fill "${typed%%=*}=" "${expects#=}"
    elif [[ -z $ended && $typed == -* ]]; then
        _dip_offer_options
    elif [[ -z $command ]]; then
        _dip_fill '' "${commands[*]}"
    else
        _dip_expect_argument
        _dip_fill '' "${expects#=}"
    fi
    # what ends in these goes on
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:=/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

# Put together again what readline cut at `:`, `=` and `@`: finished words go to `words`, the one
# at the cursor to `typed`, and the part of it that readline leaves alone to `kept`.
_dip_split() {
    local line=${COMP_LINE:0:COMP_POINT} piece= last= rest i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        piece=${COMP_WORDS[i]}
        ((i == COMP_CWORD)) && piece=$rest
        if [[ $i == 0 || $rest != "$line" || $piece == [\<\>]* || $last == *[\<\>\&] ]]; then
            words+=("$piece")
        else
            words[${#words[@]} - 1]+=$piece
        fi
        line=${rest#"$piece"} last=$piece
    done
    typed=${words[${#words[@]} - 1]}
    if [[ $typed == [\<\>]* ]]; then # a redirection: the file's name comes next
        typed= piece=
    else
        unset "words[${#words[@]} - 1]"
    fi
    [[ -z ${piece//[:=@]/} ]] && piece=
    kept=${typed%"$piece"}
    [[ $piece == [\"\']* ]] && typed=$kept${piece:1} # an open quote
    kept=${kept%@}
}

# Take in a finished word: an option, its value, the command, an argument.
_dip_follow() {
    local letters
    if [[ -n $expects ]]; then
        expects=
    elif [[ $1 == [\<\>]* ]]; then
        expects='=<PATH>'
    elif [[ -n $ended || $1 != -?* ]]; then
        if [[ -z $command ]]; then
            command=$1 options=() arguments=()
            _dip_knows "$1"
        else
            count=$((count + 1))
        fi
    elif [[ $1 == -- ]]; then
        ended=1
    elif [[ $1 == --* ]]; then
        _dip_use "${1%%=*}"
        [[ $1 == *=* ]] && expects=
    else
        for ((letters = 1; letters < ${#1}; letters++)); do
            [[ -n $expects ]] && expects= && break # the rest is its value
            _dip_use "-${1:letters:1}"
        done
    fi
}

# Note that an option is used, and what it expects.
_dip_use() {
    local option names
    for option in "${options[@]}"; do
        names=" ${option%% =*} "
        [[ $names == *" $1 "* ]] || continue
        [[ $names == ' * '* ]] || used+=$names
        [[ $option == *' ='* ]] && expects="=${option#* =}"
    done
}

_dip_offer_options() {
    local option name
    for option in "${options[@]}"; do
        for name in ${option%% =*}; do
            [[ $name == -* && $used != *" $name "* ]] && _dip_offer "$name"
        done
    done
}

# Expect the argument that comes after `count` of them; the last may have more: `@degradation ...`.
_dip_expect_argument() {
    local last=$((${#arguments[@]} - 1))
    ((last >= 0 && count > last)) && [[ ${arguments[last]} == *' ...' ]] && count=$last
    expects="=${arguments[count]% ...}"
}

# Complete what comes after $1 in the place $2.
_dip_fill() {
    local stem=$1 place word head
    read -ra place <<<"$2"
    [[ ${place[0]} == @* ]] && _dip_place "${place[0]}"
    if [[ ${place[0]} == , && $typed == "$stem"*,* ]]; then
        stem=${typed%,*},
    fi
    for word in "${place[@]}"; do
        head=${word%%[<,]*}
        if [[ $word == '<PATH>' ]]; then
            _dip_files "$stem"
        elif [[ $head == *: && $typed == "$stem$head"* ]]; then
            [[ $word == *'<PATH>'* ]] && _dip_files "$stem$head"
        elif [[ -n $head && ",${stem#"$1"}" != *",$head,"* ]]; then
            _dip_offer "$stem$head"
        fi
        if [[ $word == *,*=* && $typed == "$stem$head"*,* ]]; then
            _dip_offer_keys "${word#*,}"
        fi
    done
}

# Offer the keys `a=1,b=c|d` that are not yet there, or the values of the one at the cursor.
_dip_offer_keys() {
    local stem=${typed%,*}, keys values key value
    IFS=, read -ra keys <<<"$1"
    for key in "${keys[@]}"; do
        IFS='|' read -ra values <<<"${key#*=}"
        key=${key%%=*}=
        if [[ $typed == "$stem$key"* ]]; then
            for value in "${values[@]}"; do
                _dip_offer "$stem$key$value"
            done
        elif [[ $stem != *",$key"* ]]; then
            _dip_offer "$stem$key"
        fi
    done
}

_dip_offer() {
    [[ $1 == "$typed"* ]] && COMPREPLY+=("${1#"$kept"}")
}

# Offer the files whose names go on from what is typed after $1.
_dip_files() {
    local file start=${typed#"$1"} before=${#COMPREPLY[@]}
    while IFS= read -r file; do
        [[ -d $file && $kept != "$1" ]] && file+=/ # readline does not see that it is one
        file=$1$file
        COMPREPLY+=("${file#"${kept//\\/}"}")
    done < <(compgen -f -- "$start")
    if ((${#COMPREPLY[@]} > before)); then
        compopt -o filenames 2>/dev/null
    elif [[ $start == *\$* ]]; then # readline knows variables
        compopt -o bashdefault -o default 2>/dev/null
    fi
}

complete -F _dip dip
