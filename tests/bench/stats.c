#include "tests/bench/stats.h"

#include <stdio.h>

/* Values below 128 have a bucket each; above, the leading 7 bits choose one of 64 per power of two.
 */
static unsigned int bucket_of(uint64_t value) {
    unsigned int shift = 0;
    while (value >> shift >= 128) shift++;
    unsigned int bucket = shift * 64 + (unsigned int)(value >> shift);
    return bucket < STATS_BUCKETS ? bucket : STATS_BUCKETS - 1;
}

static uint64_t bucket_value(unsigned int bucket) {
    if (bucket < 128) return bucket;
    unsigned int shift = bucket / 64 - 1;
    return (uint64_t)(bucket - shift * 64) << shift;
}

void stats_answer(struct stats *stats, uint64_t latency_ns, uint64_t body_bytes) {
    stats->answers++;
    stats->body_bytes += body_bytes;
    if (latency_ns > stats->max_ns) stats->max_ns = latency_ns;
    stats->buckets[bucket_of(latency_ns)]++;
}

void stats_error(struct stats *stats, const char *what, unsigned int status) {
    if (stats->errors++ == 0)
        snprintf(stats->first_error, sizeof stats->first_error, "%s (last status %u)", what,
                 status);
}

void stats_handshake(struct stats *stats, bool resumed) {
    if (resumed)
        stats->resumed++;
    else
        stats->full++;
}

double stats_percentile_us(const struct stats *stats, double share) {
    uint64_t wanted = (uint64_t)(share * (double)stats->answers);
    uint64_t seen = 0;
    for (unsigned int i = 0; i < STATS_BUCKETS; i++) {
        seen += stats->buckets[i];
        if (seen > wanted) return (double)bucket_value(i) / 1000.0;
    }
    return (double)stats->max_ns / 1000.0;
}
