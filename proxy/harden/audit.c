#include "proxy/harden/audit.h"

#include "policy/harden/sheet.h"
#include "proxy/config/textfile.h"

/* Findings with their texts: a kilobyte each, for the rules of a profile. */
#define JUDGE_ARENA ((size_t)4 << 20)

struct audit {
    struct solo *solo;
    const struct audit_request *request;
    audit_phone *each;
    void *user;
    size_t next;
    struct arena arena;
};

/* One of those under way. */
struct slot {
    struct audit *audit;
    size_t index;
    struct phone *phone; /* one reference */
};

bool audit_falls_short(const struct harden_finding *finding) {
    switch (finding->state) {
    case HARDEN_HOLDS:
    case HARDEN_CLOSED:
        return false;
    case HARDEN_FAILS:
        return finding->severity > HARDEN_NOTE;
    case HARDEN_UNKNOWN:
        return finding->step <= HARDEN_STEP_MAX || finding->about != HARDEN_ABOUT_SETTING;
    }
    return true;
}

/* Is there a file for this phone that would fulfil all four steps? Where its web interface is off
 * nobody can say more of it. */
static bool is_provisioned(const struct audit_request *request, const struct config_phone *cfg,
                           const struct harden_facts *facts) {
    const struct profile *profile = cfg->policy->profile;
    const struct harden_facts kind = {.model = cfg->model,
                                      .wui_off_wanted = facts->wui_off_wanted,
                                      .expected = facts->expected,
                                      .expected_count = facts->expected_count};
    const struct sheet_wanted wanted = {
        .rules = profile->harden, .rule_count = profile->harden_count, .facts = &kind};
    struct textfile file;
    struct arena arena;
    struct str about;
    char *path, error[256];
    if (request->provisioning == NULL || cfg->mac.len == 0 || !harden_wui_is_off(facts))
        return false;
    ENSURE(asprintf(&path, "%s/" STR_FMT ".xml", request->provisioning, STR_ARG(cfg->mac)) > 0);
    bool read = textfile_read(path, TEXTFILE_SECRET, SHEET_MAX, &file, error, sizeof(error));
    free(path);
    if (!read) return false;
    arena_init(&arena, SHEET_ARENA);
    bool good = sheet_check(&wanted, (struct str){file.text, file.len}, &arena, &about) == SHEET_OK;
    arena_wipe(&arena);
    arena_release(&arena);
    textfile_free(&file);
    return good;
}

static void judge(struct slot *slot, const struct probe_result *result) {
    struct audit *a = slot->audit;
    const struct config_phone *cfg = &a->request->config->phones[slot->index];
    const struct profile *profile = cfg->policy->profile;
    struct harden_facts facts = result->facts;
    struct harden_report report;
    facts.provisioned = is_provisioned(a->request, cfg, &facts);
    bool judged = harden_judge(profile->harden, profile->harden_count, &facts, &a->arena, &report);
    ENSURE(judged); /* the arena is larger than any report */
    a->each(a->user, slot->index, result, &report);
    arena_reset(&a->arena);
}

static void start_next(struct slot *slot);

static void on_done(void *user, const struct probe_result *result) {
    struct slot *slot = user;
    judge(slot, result);
    phone_conn_close_idle(&slot->audit->solo->worker, slot->phone);
    phone_release(slot->phone);
    start_next(slot);
}

/* The phone's TLS settings cannot be used any more: its CA file is gone since the configuration was
 * read. */
static void tell_unusable(struct slot *slot) {
    const struct config_phone *cfg = &slot->audit->request->config->phones[slot->index];
    const struct probe_result result = {.facts = {.wui_off_wanted = !cfg->wui},
                                        .trouble = "phone_settings_unusable"};
    judge(slot, &result);
}

/* One failed login is the most, so no second password is at hand. */
static void keep_one_password(struct config_account *account) {
    if (account->password.len == 0) account->password = account->candidate;
    account->candidate = STR_NONE;
}

static void start_next(struct slot *slot) {
    struct audit *a = slot->audit;
    const struct audit_request *r = a->request;
    char error[256];
    while (a->next < r->count) {
        slot->index = r->phones[a->next++];
        struct config_phone cfg = r->config->phones[slot->index];
        keep_one_password(&cfg.login);
        keep_one_password(&cfg.admin_login);
        slot->phone = phone_new(&cfg, 8, error, sizeof(error));
        if (slot->phone != NULL) {
            const struct probe_target target = {r->config, slot->index, slot->phone};
            (void)probe_start(&a->solo->worker, &target, &r->probe, on_done, slot);
            return;
        }
        tell_unusable(slot);
    }
}

void audit_run(struct solo *solo, const struct audit_request *request, audit_phone *each,
               void *user) {
    struct audit a = {.solo = solo, .request = request, .each = each, .user = user};
    struct slot *slots = calloc(request->parallel, sizeof(*slots));
    ENSURE(slots != NULL);
    arena_init(&a.arena, JUDGE_ARENA);
    for (unsigned i = 0; i < request->parallel; i++) {
        slots[i].audit = &a;
        start_next(&slots[i]);
    }
    solo_run(solo);
    arena_release(&a.arena);
    free(slots);
}
