/* The group "hardening": the background check that phones are still hardened. */
#include "proxy/config/loader.h"

static const struct reader_word drift_words[] = {
    {"report", HARDENING_REPORT}, {"restrict", HARDENING_RESTRICT}, {NULL, 0}};

#define AT(field) offsetof(struct snapshot, config.hardening.field)
const struct reader_key load_hardening_keys[] = {
    {.name = "check_every_s",
     .type = READER_SECONDS,
     .offset = AT(check_every_ms),
     .max = 30 * 86400,
     .absent = 6 * 3600},
    {.name = "parallel",
     .type = READER_U32,
     .offset = AT(parallel),
     .min = 1,
     .max = 64,
     .absent = 4},
    {.name = "on_drift",
     .type = READER_WORD,
     .offset = AT(on_drift),
     .absent = HARDENING_REPORT,
     .words = drift_words},
    {.name = "expect", .type = READER_GROUP, .offset = offsetof(struct snapshot, draft.expect)},
    {.name = NULL},
};

/* What was meant to keep people out must not fail to, unnoticed. */
void load_hardening_check(struct loader *l) {
    const struct config *config = &l->snapshot->config;
    const config_setting_t *group = reader_at(l->root, "hardening");
    if (config->hardening.on_drift != HARDENING_RESTRICT) return;
    if (config->hardening.check_every_ms == 0)
        reader_warning(&l->reader, reader_at(group, "on_drift"),
                       "\"on_drift\" does nothing: with \"check_every_s\" 0 no phone is checked");
    else if (config->state_dir.len == 0)
        reader_warning(
            &l->reader, reader_at(group, "on_drift"),
            "\"on_drift\" needs \"state_dir\": without it a restart forgets which phones "
            "are restricted");
}
