#include "proxy/config/load_form.h"

#define ID_MAX         64
#define SHOWN_NAME_MAX 128

struct phone_draft {
    struct str id, name, url, profile, host, mac, model;
    const config_setting_t *login, *admin_login, *tls, *audit, *provisioning, *expect;
    bool login_required, allow_plain_http, wui;
};

#define AT(field) offsetof(struct phone_draft, field)
#define STRING(key, must, field)                                                                   \
    { .name = (key), .type = READER_STR, .required = (must), .offset = AT(field) }
#define GROUP(key, field)                                                                          \
    { .name = (key), .type = READER_GROUP, .offset = AT(field) }
static const struct reader_key phone_keys[] = {
    STRING("id", true, id),
    STRING("name", false, name),
    STRING("url", true, url),
    STRING("profile", true, profile),
    STRING("host", false, host),
    STRING("mac", false, mac),
    GROUP("login", login),
    GROUP("admin_login", admin_login),
    GROUP("tls", tls),
    GROUP("provisioning", provisioning),
    {.name = "login_required", .type = READER_BOOL, .offset = AT(login_required), .absent = true},
    {.name = "allow_plain_http", .type = READER_BOOL, .offset = AT(allow_plain_http)},
    STRING("model", false, model),
    GROUP("audit", audit),
    GROUP("expect", expect),
    {.name = "wui", .type = READER_BOOL, .offset = AT(wui), .absent = true},
    {.name = NULL},
};

/* What the phones have in common while they are read. */
struct phones_ctx {
    struct loader *loader;
    struct strmap ids, macs; /* value: the line */
    size_t by_path;          /* phones without a host of their own */
};

/* "." and ".." would not survive in /phone/ID/. */
static bool id_is_good(struct str id) {
    if (id.len == 0 || id.len > ID_MAX) return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return !str_equal(id, STR(".")) && !str_equal(id, STR(".."));
}

static void check_id(struct phones_ctx *ctx, const config_setting_t *group, struct str id) {
    const struct reader *r = &ctx->loader->reader;
    const config_setting_t *at = reader_at(group, "id");
    if (!id_is_good(id)) {
        reader_error(r, at, "\"%.80s\" is no phone id: letters, digits, . _ -, at most %d", id.ptr,
                     ID_MAX);
        return;
    }
    size_t line;
    if (strmap_add(&ctx->ids, id, at->line, &line)) return;
    struct problem_place first = source_place(r->source, (unsigned)line);
    reader_error(r, at, "phone id \"%s\" stands already at %s:%u", id.ptr, first.file, first.line);
}

static bool is_own_listener(struct loader *l, const struct hostport_url *url) {
    const struct config *config = &l->snapshot->config;
    for (size_t i = 0; i < config->https.listen_count; i++)
        if (hostport_reaches(url, &config->https.listen[i], &l->local)) return true;
    for (size_t i = 0; i < config->http.listen_count; i++)
        if (hostport_reaches(url, &config->http.listen[i], &l->local)) return true;
    for (size_t i = 0; i < config->provisioning.listen_count; i++)
        if (hostport_reaches(url, &config->provisioning.listen[i], &l->local)) return true;
    return config->status.enabled && hostport_reaches(url, &config->status.listen, &l->local);
}

static void load_url(struct loader *l, const config_setting_t *group,
                     const struct phone_draft *draft, struct config_phone *phone) {
    const struct reader *r = &l->reader;
    const config_setting_t *at = reader_at(group, "url");
    struct hostport_url url;
    if (!hostport_url(draft->url, &url)) {
        reader_error(r, at,
                     "\"%.200s\" is no url of a phone: write \"https://host\" or "
                     "\"https://host:port\"",
                     draft->url.ptr);
        return;
    }
    if (!url.tls && !draft->allow_plain_http)
        reader_error(r, at, "a url with http:// needs \"allow_plain_http = true\"");
    else if (!url.tls)
        reader_warning(r, at, "phone \"%s\" is reached over plain HTTP", draft->id.ptr);
    if (is_own_listener(l, &url))
        reader_error(r, at, "\"%s\" is an address that phonegate itself listens on",
                     draft->url.ptr);
    phone->tls = url.tls;
    phone->authority = url.authority;
    phone->host = url.host;
    phone->port = url.port;
}

static const struct profile *find_profile(struct loader *l, const config_setting_t *group,
                                          const struct phone_draft *draft) {
    bool known;
    const struct profile *profile = load_profile(l, draft->profile, &known);
    if (!known)
        reader_error(&l->reader, reader_at(group, "profile"),
                     "unknown profile \"%.80s\": there is no such file in profiles_dir",
                     draft->profile.ptr);
    return profile;
}

static void load_accounts(struct loader *l, const config_setting_t *group,
                          const struct phone_draft *draft, const struct profile *profile,
                          struct config_phone *phone) {
    const struct reader *r = &l->reader;
    const struct account_place login = {draft->id, "login", STR("http_pass")};
    const struct account_place admin = {draft->id, "admin_login", STR("service_mode_password")};
    phone->candidate_after_ms = l->snapshot->config.vault.candidate_after_ms;
    if (draft->login != NULL) load_account(l, draft->login, &login, &phone->login, &phone->realm);
    if (draft->admin_login != NULL)
        load_account(l, draft->admin_login, &admin, &phone->admin_login, NULL);
    bool needed = draft->login_required && profile != NULL && profile->login != PHONE_LOGIN_NONE;
    if (draft->login == NULL && (needed || draft->admin_login != NULL))
        reader_error(r, group, "\"login\" in phone is missing");
    if (phone->login.user.len > 0 && str_equal(phone->login.user, phone->admin_login.user))
        reader_warning(r, draft->admin_login,
                       "\"admin_login\" of phone \"%s\" is the same account as \"login\"",
                       draft->id.ptr);
}

static void load_tls(struct loader *l, const config_setting_t *group,
                     const struct phone_draft *draft, struct config_phone *phone) {
    const struct reader *r = &l->reader;
    if (draft->tls == NULL && phone->tls)
        reader_error(
            r, group,
            "\"tls\" in phone is missing: pin_sha256, from_pins_file, ca, or verify = \"none\"");
    else if (draft->tls != NULL && !phone->tls && phone->host.len > 0)
        reader_error(r, draft->tls, "\"tls\" means nothing with an http:// url");
    else if (draft->tls != NULL)
        load_phone_tls(l, draft->tls, draft->id, phone);
    if (draft->tls != NULL && phone->verify == PHONE_VERIFY_NONE)
        reader_warning(r, reader_at(draft->tls, "verify"),
                       "phone \"%s\" is not verified: anybody on the way can pose as it",
                       draft->id.ptr);
}

/* Digest proves a password without sending it. The other logins send it, so anybody on the way
 * would have it (B01). */
static void check_login(struct loader *l, const config_setting_t *group,
                        const struct profile *profile, const struct config_phone *phone) {
    if (profile == NULL || phone->host.len == 0 || phone->tls) return;
    if (profile->login != PHONE_LOGIN_BASIC && profile->login != PHONE_LOGIN_FORM) return;
    reader_error(&l->reader, reader_at(group, "url"),
                 "profile \"%.64s\" sends the password itself, so the url has to be https://",
                 profile->name.ptr);
}

static void load_phone(struct phones_ctx *ctx, const config_setting_t *group,
                       struct policy_phone *policy, struct config_phone *phone) {
    struct loader *l = ctx->loader;
    struct phone_draft draft = {0};
    if (!reader_group(&l->reader, group, "phone", phone_keys, &draft)) return;
    check_id(ctx, group, draft.id);
    if (draft.name.len > SHOWN_NAME_MAX)
        reader_error(&l->reader, reader_at(group, "name"), "\"name\" is longer than %d",
                     SHOWN_NAME_MAX);
    load_url(l, group, &draft, phone);
    const struct profile *profile = find_profile(l, group, &draft);
    load_accounts(l, group, &draft, profile, phone);
    check_login(l, group, profile, phone);
    load_tls(l, group, &draft, phone);
    phone->policy = policy;
    phone->login_required = draft.login_required;
    phone->wui = draft.wui;
    if (draft.mac.len > 0) phone->mac = load_mac(l, reader_at(group, "mac"), draft.mac, &ctx->macs);
    if (draft.provisioning != NULL) load_pull_login(l, draft.provisioning, draft.id, phone);
    load_device(&l->reader, group, draft.model, draft.audit, phone);
    load_expect_phone(l, draft.expect, profile, phone);
    load_form_check_phone(l, group, phone, profile);
    phone->line = reader_line(&l->reader, group);
    policy->id = draft.id;
    policy->name = draft.name.len > 0 ? draft.name : draft.id;
    policy->profile = profile;
    policy->has_admin_login = phone->admin_login.user.len > 0;
    if (draft.host.len > 0)
        policy->host = load_host(l, reader_at(group, "host"), draft.host);
    else
        ctx->by_path++;
}

static void warn_about_routes(struct loader *l, size_t by_path) {
    const struct policy *policy = &l->snapshot->config.policy;
    if (by_path == 0) return;
    const config_setting_t *at = reader_at(l->root, "host");
    if (policy->portal_host_count == 0)
        reader_warning(&l->reader, reader_at(l->root, "phones"),
                       "%zu phone(s) without \"host\" cannot be reached: there is no portal "
                       "\"host\" either",
                       by_path);
    else
        reader_warning(&l->reader, at,
                       "%zu phone(s) without \"host\" are reached by path: they share one origin, "
                       "so a script of one can use the others with the person's rights",
                       by_path);
}

void load_phones(struct loader *l) {
    struct policy *policy = &l->snapshot->config.policy;
    const config_setting_t *list = l->snapshot->draft.phones;
    size_t count = list == NULL ? 0 : (size_t)config_setting_length(list);
    struct policy_phone *phones = reader_alloc(&l->reader, count, sizeof(*phones));
    struct config_phone *details = reader_alloc(&l->reader, count, sizeof(*details));
    struct phones_ctx ctx = {.loader = l};
    strmap_init(&ctx.ids, l->key);
    strmap_init(&ctx.macs, l->key);
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        phones[i].index = i;
        if (config_setting_is_group(group)) load_phone(&ctx, group, &phones[i], &details[i]);
    }
    strmap_free(&ctx.ids);
    strmap_free(&ctx.macs);
    policy->phones = phones;
    policy->phone_count = count;
    l->snapshot->config.phones = details;
    if (list != NULL && count == 0) reader_warning(&l->reader, list, "there are no phones");
    warn_about_routes(l, ctx.by_path);
}
