# Starts a function's process with its limits:
# `sh -c THIS launch CODE PRIVATE STATE OPEN_FILES FILE_BLOCKS DISK_MB NAMES COMMAND...`
#
# PRIVATE is `mounts` in a user namespace of its own, and `plain` where there is none. Standard input is a pipe
# that stepwell holds: when it ends, however stepwell died, so does everything here.
code=$1 private=$2 state=$3 files=$4 blocks=$5 disk=$6 names=$7
shift 7
# The function's variables come as `_FN_NAME` and get their names, which are NAMES, last: what starts before must not
# obey a `PATH` or `LD_PRELOAD` that is meant for the function. `command`: a name that the shell keeps for itself is left out.
set -- sh -c 'for _n in $1; do eval "command export $_n=\"\$_FN_$_n\""; unset "_FN_$_n"; done 2>/dev/null; shift; exec "$@"' \
    enter "$names" "$@"
cd "$code" || exit 126
if [ "$private" = mounts ]; then
    # Side by side: each `mount` takes a millisecond.
    mount -t tmpfs -o "size=${disk}m,mode=1777" tmpfs /tmp & temporary=$!
    # What functions share there outlives them and is in nobody's count.
    { [ ! -d /dev/shm ] || mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm; } & shared=$!
    mount -t proc proc /proc 2>/dev/null & processes=$!
    # The working directory keeps the code in reach while what is above it is covered.
    # Read-only in a step of its own, which keeps what the file system is not allowed to lose (`nosuid`).
    mount -t tmpfs -o size=64k,mode=755 tmpfs /var && mount -c -o bind,X-mount.mkdir . /var/task &&
        mount -o remount,bind,ro /var/task || exit 126
    wait "$temporary" || exit 126
    wait "$shared" || exit 126
    wait "$processes"
    [ ! -d "$state" ] || mount -t tmpfs -o size=4k,mode=000 tmpfs "$state" || exit 126
    cd /var/task || exit 126
    # Shells differ in the letter.
    ulimit -u 1024 2>/dev/null || ulimit -p 1024
    # Who may mount may take the covers away.
    set -- setpriv --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"
fi
ulimit -c 0
ulimit -n "$files"
ulimit -f "$blocks"
exec 3<&0
(read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 &
"$@" </dev/null 3<&- &
wait $!
exit $?
