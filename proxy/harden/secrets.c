#include "proxy/harden/secrets.h"

#include "policy/base/bytes.h"
#include "proxy/harden/passwords.h"

enum owner { OF_LOGIN, OF_SERVICE, OF_PHONE };

static const struct kind {
    const char *setting;
    enum owner owner;
    bool name; /* an account's name */
    enum password_kind password;
} kinds[] = {
    {"http_user", OF_LOGIN, true, PASSWORD_WEB},
    {"http_pass", OF_LOGIN, false, PASSWORD_WEB},
    {"service_mode_login", OF_SERVICE, true, PASSWORD_WEB},
    {"service_mode_password", OF_SERVICE, false, PASSWORD_WEB},
    {"admin_mode_password", OF_PHONE, false, PASSWORD_ADMIN},
    {"keyboard_lock_pw", OF_PHONE, false, PASSWORD_PIN},
};

const char *const secrets_settings[] = {"http_user",
                                        "http_pass",
                                        "service_mode_login",
                                        "service_mode_password",
                                        "admin_mode_password",
                                        "keyboard_lock_pw",
                                        NULL};

static const struct kind *kind_of(struct str setting) {
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_equal(setting, str_of(kinds[i].setting))) return &kinds[i];
    return NULL;
}

static const struct config_account *account_of(const struct secrets *s, enum owner owner) {
    return owner == OF_SERVICE ? &s->phone->admin_login : &s->phone->login;
}

bool secrets_is_in_vault(const struct secrets *s, struct str setting) {
    const struct kind *kind = kind_of(setting);
    if (kind == NULL || kind->name || s->vault == NULL) return false;
    return kind->owner == OF_PHONE || account_of(s, kind->owner)->from_vault;
}

bool secrets_get(const struct secrets *s, struct str setting, enum vault_which which,
                 struct str *value) {
    return secrets_is_in_vault(s, setting) &&
           vault_get(s->vault, s->phone->policy->id, setting, which, value);
}

bool secrets_has(const struct secrets *s, struct str setting, enum vault_which which) {
    struct str value;
    return secrets_get(s, setting, which, &value);
}

static struct way_account account(const struct secrets *s, enum owner owner, struct str setting,
                                  enum vault_which which) {
    const struct config_account *cfg = account_of(s, owner);
    struct way_account found = {.user = cfg->user};
    bool there =
        cfg->from_vault ? secrets_get(s, setting, which, &found.password) : which == VAULT_CURRENT;
    if (!cfg->from_vault) found.password = cfg->password;
    return cfg->user.len > 0 && there ? found : (struct way_account){STR_NONE, STR_NONE};
}

struct way_account secrets_login(const struct secrets *s, enum vault_which which) {
    return account(s, OF_LOGIN, STR("http_pass"), which);
}

struct way_account secrets_service(const struct secrets *s, enum vault_which which) {
    return account(s, OF_SERVICE, STR("service_mode_password"), which);
}

static bool make(const struct secrets *s, const struct kind *kind, struct str *value) {
    char text[64];
    struct outbuf out;
    struct str setting = str_of(kind->setting), id = s->phone->policy->id;
    outbuf_init(&out, text, sizeof(text));
    bool made = password_make(kind->password, password_os_random, NULL, &out) && !out.full &&
                vault_put(s->vault, id, setting, VAULT_CANDIDATE, outbuf_str(&out)) &&
                vault_get(s->vault, id, setting, VAULT_CANDIDATE, value);
    bytes_wipe(text, sizeof(text));
    return made;
}

/* A record that is damaged may still be mended, and may be what the phone has: nothing is written
 * over it. */
static bool is_damaged(const struct secrets *s, struct str setting) {
    struct str id = s->phone->policy->id;
    return vault_problem(s->vault, id, setting, VAULT_CURRENT) != NULL ||
           vault_problem(s->vault, id, setting, VAULT_CANDIDATE) != NULL;
}

enum secrets_verdict secrets_value(const struct secrets *s, struct str setting, bool fresh,
                                   struct str *value) {
    const struct kind *kind = kind_of(setting);
    if (kind == NULL) return SECRETS_UNKNOWN;
    const struct config_account *cfg = account_of(s, kind->owner);
    if (kind->owner != OF_PHONE) {
        if (cfg->user.len == 0) return SECRETS_NO_ACCOUNT;
        *value = kind->name ? cfg->user : cfg->password;
        if (kind->name || !cfg->from_vault) return SECRETS_OK;
    }
    if (s->vault == NULL) return SECRETS_NO_VAULT;
    if (is_damaged(s, setting)) return SECRETS_DAMAGED;
    if (secrets_get(s, setting, VAULT_CANDIDATE, value)) return SECRETS_OK;
    if (!fresh && secrets_get(s, setting, VAULT_CURRENT, value)) return SECRETS_OK;
    return make(s, kind, value) ? SECRETS_OK : SECRETS_FAILED;
}

bool secrets_promote(const struct secrets *s, struct str setting) {
    return secrets_has(s, setting, VAULT_CANDIDATE) &&
           vault_promote(s->vault, s->phone->policy->id, setting);
}

const char *secrets_verdict_str(enum secrets_verdict verdict) {
    static const char *const names[] = {
        "ok", "no_account", "no_vault", "unknown_setting", "vault_damaged", "no_new_password"};
    return names[verdict];
}
