#include "proxy/harden/audit.h"

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
        return false;
    case HARDEN_FAILS:
        return finding->severity > HARDEN_NOTE;
    case HARDEN_UNKNOWN:
        return finding->step <= HARDEN_STEP_MAX || finding->about != HARDEN_ABOUT_SETTING;
    }
    return true;
}

static void judge(struct slot *slot, const struct probe_result *result) {
    struct audit *a = slot->audit;
    const struct profile *profile = a->request->config->phones[slot->index].policy->profile;
    struct harden_report report;
    bool judged =
        harden_judge(profile->harden, profile->harden_count, &result->facts, &a->arena, &report);
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
