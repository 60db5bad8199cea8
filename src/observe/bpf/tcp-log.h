/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The way out to user space for connections that end before a walk has met them: a log per processor. In the ring buffer all
 * processors write at one position, behind one lock, and hand the lines of the cache that hold them to each other. Included by
 * tcp.bpf.c only.
 */
#pragma once

/*
 * All processors' logs, one after the other: of processor i `entries` of them from `first` on, as its `struct tcp_log` says.
 * User space sets max_entries, and maps the memory, whose first entry begins a page for that: each takes whole lines of the cache.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tcp_end);
} ends SEC(".maps");

/* By processor. User space sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tcp_log);
} logs SEC(".maps");

static __always_inline struct tcp_log *log_here(void)
{
	__u32 processor = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&logs, &processor);
}

/*
 * The next entry of this processor's log; 0 when that is not to be had. An event may come in the middle of another (tcp-nested.h): it
 * uses the ring buffer then. So the log is taken first, and looked at then.
 */
static __always_inline struct tcp_report *begin_entry(struct tcp_log **taken)
{
	struct tcp_log *log = log_here();
	struct tcp_end *end = 0;
	__u64 written;
	__u32 index;

	if (!log || *(volatile __u64 *)&log->is_busy)
		return 0;
	*(volatile __u64 *)&log->is_busy = 1;
	written = *(volatile __u64 *)&log->written;
	if (written - *(volatile __u64 *)&log->read < log->entries) {
		index = log->first + (written & (log->entries - 1));
		end = bpf_map_lookup_elem(&ends, &index);
	}
	if (!end) {
		*(volatile __u64 *)&log->is_busy = 0;
		return 0;
	}
	*taken = log;
	return &end->report;
}

/* User space may read the entry from here on. */
static __always_inline void end_entry(struct tcp_log *log)
{
	publish(&log->written, *(volatile __u64 *)&log->written + 1);
	*(volatile __u64 *)&log->is_busy = 0;
}
