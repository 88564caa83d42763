/* drift.h: what a series of judgements of one phone says: was it hardened, is it still.
 *
 * harden_judge looks at one moment. Here moments follow each other: a step that held and fails now
 * is lost, and mended when it holds again; each is news once. A phone that was never seen hardened
 * loses nothing, and what nobody could see changes nothing. What a person at work turns on for a
 * while (rules that say `passing`: the phone's administrator mode) fails only where two looks in a
 * row find it. What the configuration alone says is left to the audit. */
#ifndef POLICY_HARDEN_DRIFT_H
#define POLICY_HARDEN_DRIFT_H

#include "policy/harden/harden.h"

/* One look at one step. */
enum drift_seen {
    DRIFT_SEEN_NOTHING, /* or the phone could not be reached */
    DRIFT_SEEN_PARTLY,  /* something holds and nothing fails, but not all could be seen */
    DRIFT_SEEN_HOLDS,
    DRIFT_SEEN_FAILS,   /* by what its settings say */
    DRIFT_SEEN_BROKEN,  /* fails so that anybody can see it from outside, without a login */
    DRIFT_SEEN_PASSING, /* nothing fails but what may be passing */
    DRIFT_SEEN_COUNT
};

/* What is remembered of a step. */
enum drift_step {
    DRIFT_UNKNOWN,   /* never seen */
    DRIFT_PARTLY,    /* held as far as it could be seen */
    DRIFT_HELD,      /* held */
    DRIFT_NEVER,     /* fails, and was never seen to hold */
    DRIFT_LOST,      /* held, and fails */
    DRIFT_LOST_SEEN, /* the same, where only the outside was ever seen: its holding is enough */
    DRIFT_FORGOTTEN, /* the memory was lost: counts as LOST until something is seen */
    DRIFT_STEP_COUNT
};

struct drift_view {
    enum drift_seen steps[HARDEN_STEPS]; /* [0] is not used */
    enum harden_state passing;           /* FAILS: the phone is in administrator mode */
};

struct drift {
    enum drift_step steps[HARDEN_STEPS];
    enum drift_seen seen[HARDEN_STEPS]; /* the last look, whatever came of it */
    unsigned passing;                   /* looks in a row that found administrator mode, up to
                                           DRIFT_PASSING_MAX */
};

/* So many looks in a row are no accident. */
enum { DRIFT_PASSING_MAX = 2 };

struct drift_news {
    bool lost[HARDEN_STEPS], mended[HARDEN_STEPS];
    bool stays, stays_no_more; /* in administrator mode */
};

/* What a report says about each step. */
void drift_look(const struct harden_report *report, const struct harden_facts *facts,
                struct drift_view *view);

/* Remember it; what is new stands in `news`. */
void drift_note(struct drift *d, const struct drift_view *view, struct drift_news *news);

/* The memory is gone. */
void drift_forget(struct drift *d);

bool drift_is_lost(enum drift_step step);
/* Is a step of the vendor's guide lost, or forgotten? What is beyond the guide does not count. */
bool drift_restricts(const struct drift *d);

/* One letter each, for files: "-phfdsx" and "?phfba". */
char drift_step_letter(enum drift_step step);
char drift_seen_letter(enum drift_seen seen);
MUST_USE bool drift_step_from(char letter, enum drift_step *step);
MUST_USE bool drift_seen_from(char letter, enum drift_seen *seen);

#endif
