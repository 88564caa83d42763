/* dump_parts.h: what the two readers of dump.h share; for the files dump*.c only. */
#ifndef POLICY_HARDEN_DUMP_PARTS_H
#define POLICY_HARDEN_DUMP_PARTS_H

#include "policy/harden/dump.h"

/* [A-Za-z0-9_], at most DUMP_NAME_MAX. */
bool dump_is_name(struct str name);

/* "R", "RW", "!" and the flags of the text form. */
enum dump_perm dump_perm_of(struct str flag);

MUST_USE enum dump_verdict dump_add(struct dump *dump, const struct dump_entry *entry);

/* `text` begins with "<?xml" or "<settings". */
MUST_USE enum dump_verdict dump_read_xml(struct dump *dump, struct str text);

#endif
