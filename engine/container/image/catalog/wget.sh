#!/bin/sh
# Debian builds busybox without FEATURE_WGET_TIMEOUT: its wget dies of SIGSEGV for
# -T and does not know --timeout. This takes them away, and timeout(1) bounds the
# transfer: the whole of it, where another busybox bounds each wait.
limit=0 n=$#
while [ "$n" -gt 0 ]; do
	option=$1 n=$((n - 1)) value=
	shift
	case $option in
	--timeout=*) limit=${option#*=} && continue ;;
	--timeout) value=limit ;;
	--header | --post-data | --post-file) value=kept ;;
	-[!-]*)
		letters=${option#-}
		flags=${letters%%[!cqS]*}
		case ${letters#"$flags"} in
		T) value=limit ;;
		T*) limit=${letters#*T} ;;
		[OoPYUt]) value=kept ;;
		*) flags=$letters ;;
		esac
		case $letters in
		"${flags}"T*) option=${flags:+-$flags} ;;
		esac
		;;
	esac
	case $option in
	"" | --timeout) ;;
	*) set -- "$@" "$option" ;;
	esac
	if [ "$value" ] && [ "$n" -gt 0 ]; then
		if [ "$value" = limit ]; then limit=$1; else set -- "$@" "$1"; fi
		shift
		n=$((n - 1))
	elif [ "$value" = limit ]; then
		limit=
	fi
done
case $limit in
"" | *[!0-9]*) echo "wget: invalid number '$limit'" >&2 && exit 1 ;;
0) exec /usr/bin/busybox wget "$@" ;;
esac
# The shell's own word on how it ended ("Terminated") is for nobody.
exec 3>&2 2>/dev/null
(exec /usr/bin/busybox timeout "$limit" /usr/bin/busybox wget "$@" 2>&3 3>&-)
code=$?
exec 2>&3 3>&-
if [ "$code" -eq 143 ]; then # SIGTERM, which is timeout's
	echo "wget: download timed out" >&2
	code=1
fi
exit "$code"
