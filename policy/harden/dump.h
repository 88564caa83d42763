/* dump.h: what a phone says its settings are.
 *
 * Reads the settings pages of Snom phones: lines "name!: value", bare or inside <pre> of a page,
 * and XML "<name idx="1" perm="R">value</name>". A text that is cut, or is no dump, is refused as a
 * whole, so that a missing setting is never mistaken for an empty one. */
#ifndef POLICY_HARDEN_DUMP_H
#define POLICY_HARDEN_DUMP_H

#include "policy/base/arena.h"

#define DUMP_BYTES_MAX   1048576 /* longer texts are not read */
#define DUMP_ARENA       2097152 /* what a dump can need at most: entries and decoded values */
#define DUMP_ENTRIES_MAX 8192    /* settings of one phone */
#define DUMP_NAME_MAX    64      /* octets of a name */

enum dump_perm {
    DUMP_PERM_UNKNOWN, /* none named, or one that is not known here */
    DUMP_PERM_R,       /* only provisioning changes it */
    DUMP_PERM_RW,      /* the user may change it, provisioning overwrites that */
    DUMP_PERM_USER,    /* "!": what the user changed stays. Text pages show RW like this as well */
};

struct dump_entry {
    struct str name; /* in text form with the identity's number, as it stands there */
    uint32_t idx;    /* 0: none */
    enum dump_perm perm;
    bool unclear; /* it stands there twice with different values, or cannot be read */
    struct str value;
};

struct dump {
    struct dump_entry *entries; /* by name and idx, each once */
    size_t count, capacity;
    struct arena *arena;
};

enum dump_verdict {
    DUMP_OK,
    DUMP_NOT_ONE,   /* no setting in it: some other page */
    DUMP_TRUNCATED, /* begins like a dump and does not end like one */
    DUMP_MALFORMED,
    DUMP_TOO_BIG,
    DUMP_NO_MEMORY,
};

/* Read `text`, which must live as long as `dump`. Secrets stay where they are: the caller wipes
 * `text` and the arena. After another verdict than OK `dump` is empty. */
MUST_USE enum dump_verdict dump_read(struct str text, struct arena *arena, struct dump *dump);

/* The setting `name` without an idx; NULL where the phone does not name it. */
const struct dump_entry *dump_find(const struct dump *dump, struct str name);

const char *dump_verdict_str(enum dump_verdict verdict);

#endif
