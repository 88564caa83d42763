/* held_plan.h: when a phone is looked at again.
 *
 * Each phone has a phase, drawn at random: its checks lie at that place of every interval, so that
 * a fleet is spread over the interval whatever happened before, and gates that share a fleet do not
 * ask together. What is due at a start, or was never looked at, is spread over a first round. Times
 * are milliseconds of one clock that does not go back. */
#ifndef PROXY_HARDEN_HELD_PLAN_H
#define PROXY_HARDEN_HELD_PLAN_H

#include <stdint.h>

/* The first round ends so long after the start, or after an interval where that is shorter. */
#define HELD_FIRST_ROUND_MS UINT64_C(600000)

/* A place in the first round from `now` on: never in its first tenth. */
uint64_t held_plan_soon(uint64_t now_ms, uint64_t every_ms, uint64_t phase);

/* After a check at `last`: half an interval later at the earliest, one and a half at the latest. */
uint64_t held_plan_next(uint64_t last_ms, uint64_t every_ms, uint64_t phase);

/* What one look found lost is looked at again so long after, or after a quarter of an interval
 * where that is shorter. */
#define HELD_CONFIRM_MS UINT64_C(30000)
uint64_t held_plan_confirm(uint64_t now_ms, uint64_t every_ms);

/* At a start, where the last check was `age` ago. */
uint64_t held_plan_resume(uint64_t now_ms, uint64_t age_ms, uint64_t every_ms, uint64_t phase);

#endif
