/* when.h: points in time and weekly hours, as arithmetic. What time it is, is an argument.
 *
 * Points in time are UTC. Hours of a week are local: local time is UTC and the offset that is given
 * for this very moment, so summer time is the caller's to know. */
#ifndef POLICY_ACCESS_WHEN_H
#define POLICY_ACCESS_WHEN_H

#include "policy/base/str.h"

struct when {
    int64_t utc_s;          /* since 1970; 0: nobody knows what time it is */
    int32_t local_offset_s; /* local time less UTC */
};

/* Begins on these days and ends on the same day or, where it would end before it begins, on the
 * next. */
struct when_hours {
    uint8_t days;      /* bit 0 is Monday, bit 6 Sunday */
    uint16_t from_min; /* minutes after midnight, 0 to 1439: the first that counts */
    uint16_t to_min;   /* 0 to 1440: the first that counts no more */
};

/* "2026-12-31T18:00:00Z", or with "+01:00" for the Z, is that second; "2026-12-31" is the first
 * second of that day in UTC, or with `day_over` the first one behind it. Years 1971 to 9999. */
MUST_USE bool when_parse(struct str text, bool day_over, int64_t *utc_s);

/* "mon-fri 08:00-18:00", "sat,sun 09:00-24:00", "22:00-06:00" (every day). False on anything else,
 * a span of no length included. */
MUST_USE bool when_hours_parse(struct str text, struct when_hours *hours);

/* Does one of `hours` hold now? Never where nobody knows what time it is. */
bool when_in_hours(const struct when_hours *hours, size_t count, const struct when *now);

#endif
