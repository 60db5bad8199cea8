/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Connections that no walk has met yet. Most are short, and end before: they live in this small table, whose entries are found by the
 * socket's address without a bucket, and filled and freed where they lie. The walk moves what it meets into `connections`. Where
 * both places at an address are taken, a connection begins there. Included by tcp.bpf.c only.
 */
#pragma once

enum young_state {
	YOUNG_FREE,
	YOUNG_FILLING,
	YOUNG_READY,
	YOUNG_OPENED, /* as ready, and the handshake was entered since */
	YOUNG_HELD,   /* an event writes to it, or ends it */
};
#define YOUNG_STATE 63ULL

/*
 * Two lines of the cache. `word` is, from below: the state, 26 bits of the address, and how often the entry was taken. Who changes the
 * state of an entry that is ready does it by comparing the whole word, so that he knows it was nobody else's in between.
 */
struct young {
	__u64 word;
	__u64 key; /* the socket's address */
	struct facts facts;
	__u64 reserved[2];
};
_Static_assert(sizeof(struct young) == 128, "two lines of the cache");
_Static_assert(__builtin_offsetof(struct young, facts.network_namespace) == 64, "what every event needs comes first");

#define YOUNG_BITS 12
#define YOUNG_WAYS 2

/* 0.5 MiB. It is mapped by nobody: memory that could be begins with a page, so that the entries are whole lines. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1 << YOUNG_BITS);
	__type(key, __u32);
	__type(value, struct young);
} young_connections SEC(".maps");

/* The verifier takes no bits of a pointer; what an atomic operation has written is a number. A helper that copies it takes 50 ns. */
static __always_inline __u64 number_of(struct sock *sk)
{
	__u64 address = (__u64)sk;

	__sync_fetch_and_add(&address, 0);
	return *(volatile __u64 *)&address;
}

static __always_inline struct young *young_at(__u64 key, __u32 way)
{
	__u32 index = (__u32)(key * 0x9e3779b97f4a7c15ULL >> (64 - YOUNG_BITS)) ^ way; /* Fibonacci hashing */

	return bpf_map_lookup_elem(&young_connections, &index);
}

static __always_inline enum young_state state_of(__u64 word)
{
	return word & YOUNG_STATE;
}

static __always_inline __u64 with_state(__u64 word, enum young_state state)
{
	return (word & ~YOUNG_STATE) | state;
}

/* Of an entry that is free, once it is taken. */
static __always_inline __u64 taken_word(__u64 word, __u64 key)
{
	return ((word >> 32) + 1) << 32 | ((__u32)key & ~(__u32)YOUNG_STATE) | YOUNG_FILLING;
}

static __always_inline bool is_at(__u64 word, __u64 key)
{
	return (((__u32)word ^ (__u32)key) & ~(__u32)YOUNG_STATE) == 0;
}

static __always_inline bool is_settled(__u64 word)
{
	return state_of(word) == YOUNG_READY || state_of(word) == YOUNG_OPENED;
}

/* Whoever fails has been beaten: by the walk, which moved it. */
static __always_inline bool change(struct young *young, __u64 word, enum young_state state)
{
	return __sync_val_compare_and_swap(&young->word, word, with_state(word, state)) == word;
}

/* By who alone may. */
static __always_inline void set_state(struct young *young, enum young_state state)
{
	publish(&young->word, with_state(young->word, state));
}

/* What is loaded behind it is not older than the words at this address. */
static __always_inline void load_anew(__u64 key)
{
	struct young *young = young_at(key, 0);

	if (young && __sync_fetch_and_add(&young->word, 0) == ~0ULL)
		*(volatile __u64 *)&young->reserved[0] = 0; /* it never is: its result has to be used, else it orders nothing */
}

/* The settled entry of a socket, and its word; 0 when there is none. */
static __always_inline struct young *find_young(__u64 key, __u64 cookie, __u64 *word)
{
#pragma unroll
	for (int way = 0; way < YOUNG_WAYS; way++) {
		struct young *young = young_at(key, way);

		if (!young)
			return 0;
		*word = *(volatile __u64 *)&young->word;
		if (is_at(*word, key) && is_settled(*word) && young->facts.cookie == cookie)
			return young;
	}
	if (!is_in_order())
		load_anew(key); /* whoever looks in `connections` next finds what the walk has moved there */
	return 0;
}

/* All that there is of a connection that was never reported, in one report. */
static __always_inline void write_life(struct tcp_report *record, const struct facts *facts, const struct counters *now, __u32 error)
{
	record->bytes_sent = now->bytes_sent;
	record->bytes_received = now->bytes_received;
	record->segments_sent = now->segments_sent;
	record->segments_received = now->segments_received;
	record->retransmits = now->retransmits;
	record->srtt_microseconds = now->srtt_microseconds;
	record->minimum_rtt_microseconds = now->minimum_rtt_microseconds;
	write_facts(record, facts, true, error, REPORT_FIRST | REPORT_CLOSED | (facts->opened ? REPORT_OPENED : REPORT_UNOPENED));
}

/* An end for which neither log nor ring buffer has room waits for the next walk, among the others. */
static __noinline int keep_end(struct young *young, const struct counters *final, __u32 error)
{
	struct connection connection = {};
	__u64 key = key_aside();

	if (!young || !final)
		return 0;
	connection.facts = young->facts;
	connection.final = *final;
	connection.error = error;
	connection.closed = 1;
	if (!take_slot(&connection.slot)) {
		count_loss(overwritten);
		return 0;
	}
	if (bpf_map_update_elem(&connections, &key, &connection, BPF_NOEXIST)) {
		free_slot(connection.slot);
		count_loss(overwritten);
		return 0;
	}
	fill_slot(connection.slot, key);
	count_loss(deferred);
	return 1;
}

/* Not inlined, since it is seldom. */
static __noinline int report_by_ring(struct young *young, const struct counters *final, __u32 error)
{
	struct tcp_report *record;

	if (!young || !final)
		return 0;
	record = bpf_ringbuf_reserve(&reports, sizeof(*record), 0);
	if (!record)
		return keep_end(young, final, error);
	write_life(record, &young->facts, final, error);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 1;
}

/* By who holds the entry, which is free then. */
static __always_inline void end_young(struct young *young, const struct counters *final, __u32 error)
{
	struct tcp_log *log = 0;
	struct tcp_report *record = begin_entry(&log);

	if (record && log) {
		write_life(record, &young->facts, final, error);
		end_entry(log);
	} else {
		report_by_ring(young, final, error);
	}
	set_state(young, YOUNG_FREE);
}

/*
 * A socket begins where the CLOSE event of another was missed, or of an attempt of its own. Of one that had not opened it is not known whether it
 * failed: it is counted, and not told. Not inlined, since it is seldom.
 */
static __noinline int end_missed(struct young *young)
{
	struct counters none = {};
	__u64 word;

	if (!young)
		return 0;
	word = *(volatile __u64 *)&young->word;
	if (!is_settled(word) || !change(young, word, YOUNG_HELD))
		return 0;
	count_loss(missed);
	if (young->facts.opened)
		end_young(young, &none, 0);
	else
		set_state(young, YOUNG_FREE);
	return 1;
}

/* An entry for a socket that begins, to be filled; 0 when both places are taken. */
static __always_inline struct young *take_young(__u64 key)
{
	struct young *taken = 0;
	__u64 word, seen = 0;

#pragma unroll
	for (int way = 0; way < YOUNG_WAYS; way++) {
		struct young *young = young_at(key, way);

		if (!young)
			return 0;
		word = *(volatile __u64 *)&young->word;
		if (state_of(word) == YOUNG_FREE && !taken) {
			taken = young;
			seen = word;
		} else if (state_of(word) != YOUNG_FREE && is_at(word, key)) {
			end_missed(young);
		}
	}
	word = taken_word(seen, key);
	if (!taken || __sync_val_compare_and_swap(&taken->word, seen, word) != seen)
		return 0;
	taken->key = key;
	return taken;
}

/* The same for a socket that began some time ago. */
static __always_inline struct young *take_place(__u64 key)
{
#pragma unroll
	for (int way = 0; way < YOUNG_WAYS; way++) {
		struct young *young = young_at(key, way);
		__u64 word, taken;

		if (!young)
			return 0;
		word = *(volatile __u64 *)&young->word;
		taken = taken_word(word, key);
		if (state_of(word) == YOUNG_FREE && __sync_val_compare_and_swap(&young->word, word, taken) == word) {
			young->key = key;
			return young;
		}
	}
	return 0;
}

/*
 * The walk has met it. It is in `connections` before it is here no more, so that its end finds it; who looks for it there finds it
 * claimed. An event that was faster keeps it: an end has reported it, and a handshake leaves it to the next walk.
 */
static __noinline int move_young(struct young *young)
{
	struct connection connection = {};
	struct connection *moved;
	__u64 word, key;
	long error;

	if (!young)
		return 0;
	word = __sync_fetch_and_add(&young->word, 0); /* what is read next is not older */
	if (!is_settled(word))
		return 0;
	key = young->key;
	connection.facts = young->facts;
	connection.claimed = 1;
	if (!take_slot(&connection.slot)) {
		if (change(young, word, YOUNG_FREE))
			count_loss(table_full);
		return 0;
	}
	error = bpf_map_update_elem(&connections, &key, &connection, BPF_NOEXIST);
	if (error) {
		free_slot(connection.slot);
		/*
		 * Where the end of a socket before is at its address until this walk reports it, or the kernel has no memory at hand, the next walk takes it up,
		 * unless it tells its end itself by then.
		 */
		if (error == -E2BIG && change(young, word, YOUNG_FREE))
			count_loss(table_full);
		return 0;
	}
	if (!change(young, word, YOUNG_FREE)) {
		forget(&connections, key, connection.slot);
		return 0;
	}
	fill_slot(connection.slot, key);
	moved = bpf_map_lookup_elem(&connections, &key);
	if (moved)
		release(moved);
	return 1;
}

/* For bpf_loop() and for bpf_for_each_map_elem(). */
static long walk_young(__u32 index, void *context)
{
	struct young *young = bpf_map_lookup_elem(&young_connections, &index);

	if (young && state_of(*(volatile __u64 *)&young->word) != YOUNG_FREE)
		move_young(young);
	return 0;
}

static long walk_young_by_helper(void *map, const __u32 *index, struct young *young, void *context)
{
	if (state_of(*(volatile __u64 *)&young->word) != YOUNG_FREE)
		move_young(young);
	return 0;
}

/* Whether there is an entry of this socket, found by its file, or an event has it in hand. */
static __always_inline bool is_young(__u64 key, __u64 cookie)
{
#pragma unroll
	for (int way = 0; way < YOUNG_WAYS; way++) {
		struct young *young = young_at(key, way);
		__u64 word = young ? __sync_fetch_and_add(&young->word, 0) : 0; /* what is read next is not older */

		if (young && is_at(word, key) && state_of(word) > YOUNG_FILLING && cookie && young->facts.cookie == cookie)
			return true;
	}
	return false;
}
