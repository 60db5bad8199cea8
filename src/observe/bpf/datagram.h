/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The contract between the kernel half (datagram.bpf.c) and the TypeScript half (datagram-report.ts, dns-packet.ts): fixed
 * widths, no implicit padding. Two records cross the border: what happened to one flow since it was last reported, and one
 * DNS query or answer.
 */
#pragma once

enum datagram_report_flags {
	DATAGRAM_FIRST = 1,       /* the flow was not reported before */
	DATAGRAM_LOCAL_FIRST = 2, /* the first packet that was seen was sent from here */
	DATAGRAM_ANSWERED = 4,    /* ICMP: this end answered echo requests */
};

struct datagram_report {
	__u64 bytes_sent;             /* IP header and what follows, since the last report */
	__u64 bytes_received;
	__u64 first_seen_nanoseconds; /* CLOCK_MONOTONIC of the first packet, to a timer tick */
	__u64 last_seen_nanoseconds;
	__u64 cgroup_id;              /* id of the socket's cgroup v2 */
	__u32 packets_sent;           /* datagrams; of a datagram in IP fragments one, of a GSO train each */
	__u32 packets_received;
	__u32 network_namespace;      /* inode number */
	__u32 process;                /* thread group id of the owner, 0 when unknown */
	__u16 local_port;             /* host byte order; 0 without ports */
	__u16 remote_port;
	__u16 icmp_type_code;         /* of the first packet: type * 256 + code */
	__u8 protocol;                /* IANA number */
	__u8 flags;                   /* enum datagram_report_flags */
	__u8 local_address[16];       /* network byte order, IPv4 as ::ffff:a.b.c.d */
	__u8 remote_address[16];
	char process_name[16];        /* as in process-name.h, NUL terminated */
};
_Static_assert(sizeof(struct datagram_report) == 112, "datagram_report is part of the contract");

/* A query that was sent to a port 53, or an answer that came from one. The message's bytes follow. */
struct dns_packet {
	__u64 seen_nanoseconds;       /* bpf_ktime_get_ns() */
	__u64 cgroup_id;              /* id of the socket's cgroup v2 */
	__u32 network_namespace;
	__u32 process;                /* thread group id of the owner, 0 when unknown */
	__u16 local_port;
	__u16 message_length;         /* bytes that follow; a longer message is cut off */
	__u8 is_answer;
	__u8 reserved[3];             /* zero */
	__u8 resolver_address[16];
	__u8 local_address[16];
	char process_name[16];        /* as in process-name.h, NUL terminated */
};
_Static_assert(sizeof(struct dns_packet) == 80, "dns_packet is part of the contract");

/* What could not be reported, counted since the start; one row in the map `losses`. */
struct datagram_losses {
	__u64 table_full; /* packets of flows that found no room in `flows` */
	__u64 deferred;   /* reports that waited for the next walk because the ring buffer was full */
	__u64 dns_lost;   /* DNS packets that found no room in `dns_packets` */
	__u64 walked;     /* flows looked at by the last walk */
};
_Static_assert(sizeof(struct datagram_losses) == 32, "datagram_losses is part of the contract");
