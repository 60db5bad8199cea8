/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The contract between the kernel half (tcp.bpf.c) and the TypeScript half (tcp-report.ts): fixed widths, no implicit
 * padding. One record crosses the border: what happened to one TCP socket since it was last reported.
 */
#pragma once

enum tcp_role {
	ROLE_CLIENT = 1,
	ROLE_SERVER = 2,
};

enum tcp_report_flags {
	REPORT_FIRST = 1,    /* the socket was not reported before */
	REPORT_CLOSED = 2,   /* the socket is gone; no further report */
	REPORT_OLDER = 4,    /* it was there before the programs were attached: counts start at that moment */
	REPORT_UNOPENED = 8, /* it has not reached ESTABLISHED: with REPORT_CLOSED it never did, without it is being tried */
	REPORT_OPENED = 16,  /* it reached ESTABLISHED since the last report */
};

struct tcp_report {
	__u64 bytes_sent;          /* payload octets sent since the last report, sent again not counted */
	__u64 bytes_received;      /* payload octets received in order since the last report */
	__u64 opened_nanoseconds;  /* CLOCK_MONOTONIC when the socket was first seen; of a client, when it sent its SYN */
	__u64 cgroup_id;           /* id of the socket's cgroup v2, 0 when unknown */
	__u32 segments_sent;
	__u32 segments_received;
	__u32 retransmits;         /* segments sent again since the last report */
	__u32 srtt_microseconds;   /* smoothed round trip time, 0 when not measured */
	__u32 minimum_rtt_microseconds; /* least round trip time of the last minutes (tcp_min_rtt_wlen), 0 when not measured */
	__u32 connect_microseconds; /* with REPORT_OPENED of a client: from its SYN to ESTABLISHED; of an attempt that ended, to its end; else, or when not known, 0 */
	__u32 network_namespace;   /* inode number of the network namespace */
	__u32 process;             /* thread group id of the owner, 0 when unknown */
	__u16 error;               /* errno that ended it: ECONNREFUSED, ETIMEDOUT, ...; 0 when its own side had closed it */
	__u16 local_port;          /* host byte order */
	__u16 remote_port;         /* host byte order */
	__u8 role;                 /* enum tcp_role */
	__u8 flags;                /* enum tcp_report_flags */
	__u8 local_address[16];    /* network byte order, IPv4 as ::ffff:a.b.c.d */
	__u8 remote_address[16];
	char process_name[16];     /* as in process-name.h, NUL terminated */
};
/* At most two lines of the cache, with the ring buffer's 8 bytes too: to fetch those is a good part of what a report costs its socket's processor. */
_Static_assert(sizeof(struct tcp_report) == 120, "tcp_report is part of the contract");

/* An entry of a processor's log: two lines of the cache. */
struct tcp_end {
	struct tcp_report report;
	__u64 reserved;
};
_Static_assert(sizeof(struct tcp_end) == 128, "tcp_end is part of the contract");

/*
 * Where a processor's log is written and read; what is counted is counted since the start. A line of the cache is its processor's, the
 * other user space's, so that neither takes it from the other for each entry.
 */
struct tcp_log {
	__u64 written;
	__u64 is_busy;        /* while an entry is written: an event may come in the middle of it */
	__u64 followed;       /* the socket whose end was followed just now and that the kernel is about to destroy, else 0; see tcp-nested.h */
	__u8 reserved[40];
	__u64 read;
	__u32 first;          /* index of its first entry */
	__u32 entries;        /* a power of two; 0 where there is no log */
	__u8 reserved_too[48];
};
_Static_assert(sizeof(struct tcp_log) == 128, "tcp_log is part of the contract");

/* What could not be reported, counted since the start; one row in the map `losses`. */
struct tcp_losses {
	__u64 table_full;    /* sockets that found no room in `connections`, and were never seen, or in `listeners` or `listening` */
	__u64 overwritten;   /* ends for which there was no room in log and ring buffer, nor in `connections` */
	__u64 walked;        /* live sockets looked at by the last walk */
	__u64 deferred;      /* reports that waited for the next walk: no room in log and ring buffer, or the walk had the connection in hand */
	__u64 missed;        /* ends of which nothing was told: what moved since their last report is not known */
	__u64 nested;        /* no loss: begins and ends that follow_state had not told, and that were found later */
};
_Static_assert(sizeof(struct tcp_losses) == 48, "tcp_losses is part of the contract");
