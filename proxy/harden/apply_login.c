/* New passwords of one phone: made, sent, and kept once it took them. */
#include "proxy/base/log.h"
#include "proxy/harden/apply_parts.h"

static bool commit(struct apply *a, bool first) {
    char error[256];
    if (!vault_commit(a->request.vault, error, sizeof(error))) {
        log_event(LOG_ERROR, "vault.not_written", "%s", error);
        return false;
    }
    if (a->request.vault_written != NULL) a->request.vault_written(a->user, first);
    return true;
}

const char *apply_prepare(struct apply *a) {
    bool fresh = a->request.mode == APPLY_ROTATE, in_vault = false;
    for (size_t i = 0; i < a->plan.count; i++) {
        const struct plan_change *change = &a->plan.changes[i];
        struct apply_item *item = &a->items[i];
        if (item->over) continue;
        item->value = change->value;
        if (!change->own) continue;
        item->left_over = secrets_has(&a->secrets, change->setting, VAULT_CANDIDATE);
        enum secrets_verdict verdict =
            secrets_value(&a->secrets, change->setting, fresh, &item->value);
        a->result.about = change->setting;
        if (verdict != SECRETS_OK) return secrets_verdict_str(verdict);
        in_vault |= secrets_get(&a->secrets, change->setting, VAULT_CANDIDATE, &item->candidate);
    }
    a->result.about = STR_NONE;
    a->ready = true;
    return !in_vault || commit(a, !a->open) ? NULL : "vault_not_written";
}

bool apply_group_has(const struct apply *a, struct str setting) {
    for (size_t i = 0; i < a->group_count; i++)
        if (str_equal(a->plan.changes[a->group[i]].setting, setting)) return true;
    return false;
}

static struct str sent_value(const struct apply *a, struct str setting, struct str otherwise) {
    for (size_t i = 0; i < a->group_count; i++)
        if (str_equal(a->plan.changes[a->group[i]].setting, setting))
            return a->items[a->group[i]].value;
    return otherwise;
}

struct way_account apply_new_login(const struct apply *a) {
    return (struct way_account){sent_value(a, STR("http_user"), a->login.user),
                                sent_value(a, STR("http_pass"), a->login.password)};
}

struct way_account apply_new_service(const struct apply *a) {
    struct str user = a->service.user.len > 0 ? a->service.user : a->phone->admin_login.user;
    struct str password = sent_value(a, STR("service_mode_password"), a->service.password);
    if (password.ptr == NULL) return (struct way_account){STR_NONE, STR_NONE};
    return (struct way_account){sent_value(a, STR("service_mode_login"), user), password};
}

bool apply_keep(struct apply *a, const struct str *settings, size_t count) {
    bool changed = false;
    for (size_t i = 0; i < count; i++) changed |= secrets_promote(&a->secrets, settings[i]);
    return !changed || commit(a, false);
}
