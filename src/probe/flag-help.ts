/** `portolan probe -h`. */
export const probeHelp = `Usage: portolan probe [flags] [filter]

Packets in, NetFlow or IPFIX out. Takes softflowd's flags. What follows the flags is a filter as tcpdump takes it.

Where packets come from
  -i [N:]INTERFACE   an interface, repeatable; N is its number in records (default the kernel's)
  -r FILE            a capture: pcap or pcapng, plain, gz or zstd; - is standard input
  -N                 do not ask the interface for packets to others
  -C BYTES           octets looked at of each packet (default 192)
  -B BYTES           ring shared with the kernel (default 33554432)
  -s N               look at one packet of N

Where records go
  -n HOST:PORT[,..]  destinations, each gets all; [..] around an IPv6 address
  -l                 destinations take turns instead
  -v 1|5|9|10        NetFlow version; 10 is IPFIX (default 10)
  -b                 both directions in one record (RFC 5103), with -v 10
  -A FORMAT          times as sec, milli, micro or nano (default milli; uptime with -v 9)
  -x N               labels of MPLS in records, at most 10
  -L HOPS            time to live of messages
  -S INTERFACE       messages leave by this interface
  --template-seconds N, --template-messages N
                     templates come again after so long (60) and so many messages (256)
  --message-bytes N  longest message (default 1428)
  --no-options       do not tell sampling and interface names in options

What a flow is
  -T LEVEL           told apart by: ip, proto, port, full (the same), vlan, ether (default full)
  -m N               flows kept at most (default 262144); then the one not seen for longest is reported
  -t NAME=TIME       tcp 1h, tcp.rst 2m, tcp.fin 5m, udp 5m, icmp 5m, general 1h, maxlife 1m, expint 5s
  -6                 count IPv6 with -v 1 and 5, which cannot say it

How it runs
  -d                 stay in the foreground     -D  tell every flow, too
  -p FILE            process id (default /var/run/softflowd.pid)
  -c SOCKET          for softflowctl (default /var/run/softflowd.ctl; none is none)
  -a                 a file's times are the clock: always so, but with --softflowd-compat
  -M, -g, -I, -e, -P udp
                     taken as softflowd does, and ask for nothing
  --user NAME        goes on as NAME when started as root (default nobody)
  --progress, --no-progress
                     whether the reading of a file is shown (default on a terminal)
  --softflowd-compat softflowd 1.1.0's defaults, fields and ways of counting, to compare
`;
