#ifndef BENCH_STATS_H
#define BENCH_STATS_H
/* What a run counts, and a histogram of latencies: 64 steps per power of two, so a percentile is
 * right within 1.6 %. */
#include <stdbool.h>
#include <stdint.h>

enum { STATS_BUCKETS = 64 * 40 };

struct stats {
    uint64_t started, answers, body_bytes, errors, stale, reconnects, full, resumed;
    uint64_t max_ns;
    char first_error[96];
    uint64_t buckets[STATS_BUCKETS];
};

void stats_answer(struct stats *stats, uint64_t latency_ns, uint64_t body_bytes);
void stats_error(struct stats *stats, const char *what, unsigned int status);
void stats_handshake(struct stats *stats, bool resumed);

/* The latency that share (0 to 1) of the answers did not exceed, in microseconds. */
double stats_percentile_us(const struct stats *stats, double share);

#endif
