# Runs a service for as long as the process that started it lives and wants it. Standard input is a pipe from that
# process: it reaches its end when the pipe's value is dropped, and when the process dies in any way.
#
# $1: the service's directory, $2: whether it stays ("keep"), $3: the signal that ends the service in order, then its
# program and arguments. Writes the service's process id. A line on the pipe before its end also means: keep the
# directory.
directory=$1 keep=$2 signal=$3
shift 3

# The kernel sends it when the parent dies while the service is stopped.
trap '' HUP

tree() {
  for process; do
    echo "$process"
    tree $(cat "/proc/$process/task/$process/children")
  done
}

# Who has to know whether a service still lives in this directory asks for the lock.
exec 9>> "$directory/lock"
flock --shared 9

"$@" < /dev/null >> "$directory/log" 2>&1 &
service=$!
echo "$service"
exec > /dev/null 2>&1

read -r line

all=$(tree "$service")
kill -s "$signal" "$service"
# A process that is stopped takes no other signal.
kill -s CONT $all
tries=0
while kill -s 0 "$service" && [ "$tries" -lt 150 ]; do
  sleep 0.02
  tries=$((tries + 1))
done
kill -s KILL $all
# Somebody may have killed the service before, without the processes that it had started: those of nginx work on. They
# are in this shell's group, as long as they want no other.
for file in /proc/[0-9]*/stat; do
  read -r stat < "$file" || continue
  set -- ${stat##*) }
  process=${file#/proc/} process=${process%/stat}
  [ "$3" != "$$" ] || [ "$process" = "$$" ] || kill -s KILL "$process"
done
wait
[ -n "$keep$line" ] || rm -rf -- "$directory"
