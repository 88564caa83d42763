/* harden_parts.h: what the files harden*.c share. */
#ifndef POLICY_HARDEN_HARDEN_PARTS_H
#define POLICY_HARDEN_HARDEN_PARTS_H

#include "policy/harden/harden.h"

struct harden_judging {
    const struct harden_facts *facts;
    struct arena *arena;
    struct harden_report *report;
    size_t capacity;
    bool no_memory;
};

/* What one source says about one rule. */
struct harden_evidence {
    enum harden_state state;
    struct str seen;
};

/* Append; the report has room for what the rules can give. */
void harden_add(struct harden_judging *j, const struct harden_finding *finding);

/* `seen` is empty where the probe has nothing to say. */
struct harden_evidence harden_from_probe(const struct harden_facts *facts,
                                         const struct harden_rule *rule);

/* What an entry of the dump says; NULL: the phone does not name the setting. */
struct harden_evidence harden_from_setting(struct harden_judging *j, const struct harden_rule *rule,
                                           const struct dump_entry *entry);

/* Texts of a finding, in the arena. */
struct str harden_wanted(struct harden_judging *j, const struct harden_rule *rule);
struct str harden_mend(struct harden_judging *j, const struct harden_rule *rule, struct str name,
                       struct str wanted, enum harden_state state);
struct str harden_keep(struct harden_judging *j, struct str text);

/* Findings that no list of settings has: TLS, certificate, ports, configuration, trouble. */
void harden_judge_probe(struct harden_judging *j);

#endif
