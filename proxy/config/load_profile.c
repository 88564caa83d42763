#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proxy/config/load_form.h"

#define NAME_MAX_LEN   64
#define POLICY_MAX_LEN 2048 /* of a Content-Security-Policy */
#define PAGE_MAX_LEN   256

struct profile_draft {
    int login;
    uint32_t concurrent_requests;
    bool case_insensitive_paths, keep_alive_header;
    const struct str *no_keep_alive, *statics, *roles, *harmless_values;
    size_t no_keep_alive_count, static_count, role_count, harmless_value_count;
    struct str content_security_policy, restart_setting;
    const struct str *settings_pages;
    size_t settings_page_count;
    struct about_labels about;
    const struct str *shared_key_models;
    size_t shared_key_model_count;
    struct str admin_page, admin_field;
    const config_setting_t *form, *rules, *harden;
};

static const struct reader_word logins[] = {{"digest", PHONE_LOGIN_DIGEST},
                                            {"basic", PHONE_LOGIN_BASIC},
                                            {"form", PHONE_LOGIN_FORM},
                                            {"none", PHONE_LOGIN_NONE},
                                            {NULL, 0}};

#define AT(field) offsetof(struct profile_draft, field)
static const struct reader_key about_keys[] = {
    {.name = "page", .type = READER_STR, .required = true, .offset = AT(about.page)},
    {.name = "model", .type = READER_STR, .offset = AT(about.model)},
    {.name = "firmware", .type = READER_STR, .offset = AT(about.firmware)},
    {.name = "mac", .type = READER_STR, .offset = AT(about.mac)},
    {.name = NULL},
};
static const struct reader_key admin_keys[] = {
    {.name = "page", .type = READER_STR, .required = true, .offset = AT(admin_page)},
    {.name = "field", .type = READER_STR, .required = true, .offset = AT(admin_field)},
    {.name = NULL},
};
static const struct reader_key profile_keys[] = {
    {.name = "login", .type = READER_WORD, .offset = AT(login), .words = logins},
    {.name = "form", .type = READER_GROUP, .offset = AT(form)},
    {.name = "concurrent_requests",
     .type = READER_U32,
     .offset = AT(concurrent_requests),
     .min = 1,
     .max = 256,
     .absent = 1},
    {.name = "case_insensitive_paths", .type = READER_BOOL, .offset = AT(case_insensitive_paths)},
    {.name = "keep_alive_header", .type = READER_BOOL, .offset = AT(keep_alive_header)},
    {.name = "no_keep_alive_header",
     .type = READER_STRS,
     .offset = AT(no_keep_alive),
     .count_offset = AT(no_keep_alive_count)},
    {.name = "static",
     .type = READER_STRS,
     .offset = AT(statics),
     .count_offset = AT(static_count)},
    {.name = "roles", .type = READER_STRS, .offset = AT(roles), .count_offset = AT(role_count)},
    {.name = "harmless_values",
     .type = READER_STRS,
     .offset = AT(harmless_values),
     .count_offset = AT(harmless_value_count)},
    {.name = "content_security_policy", .type = READER_STR, .offset = AT(content_security_policy)},
    {.name = "rules", .type = READER_LIST, .required = true, .offset = AT(rules)},
    {.name = "restart_setting", .type = READER_STR, .offset = AT(restart_setting)},
    {.name = "harden", .type = READER_LIST, .offset = AT(harden)},
    {.name = "settings_pages",
     .type = READER_STRS,
     .min = 1,
     .max = 8,
     .offset = AT(settings_pages),
     .count_offset = AT(settings_page_count)},
    {.name = "about", .type = READER_GROUP, .members = about_keys},
    {.name = "shared_key_models",
     .type = READER_STRS,
     .offset = AT(shared_key_models),
     .count_offset = AT(shared_key_model_count)},
    {.name = "admin_form", .type = READER_GROUP, .members = admin_keys},
    {.name = NULL},
};
#undef AT

static void check_own_roles(const struct reader *r, const config_setting_t *root,
                            const struct profile_draft *draft) {
    for (size_t i = 0; i < draft->role_count; i++)
        if (!load_role_is_good(draft->roles[i]))
            reader_error(r, reader_at_element(root, "roles", i),
                         "\"%.60s\" is no role: a-z 0-9 _ -, at most 32", draft->roles[i].ptr);
}

/* It becomes a field value of responses, behind the gate's own directive; a comma would begin
 * another policy. */
static void check_content_policy(const struct reader *r, const config_setting_t *root,
                                 struct str policy) {
    bool plain = policy.len <= POLICY_MAX_LEN;
    for (size_t i = 0; i < policy.len; i++)
        plain = plain && policy.ptr[i] >= 0x20 && policy.ptr[i] < 0x7f && policy.ptr[i] != ',';
    if (!plain)
        reader_error(r, reader_at(root, "content_security_policy"),
                     "\"content_security_policy\" must be printable ASCII without a comma, "
                     "at most %d octets",
                     POLICY_MAX_LEN);
}

/* It goes into request lines as it stands. */
static void check_page(const struct reader *r, const config_setting_t *at, struct str page) {
    bool good = page.len > 0 && page.len <= PAGE_MAX_LEN && page.ptr[0] == '/';
    for (size_t i = 0; i < page.len; i++)
        good = good && page.ptr[i] > 0x20 && page.ptr[i] < 0x7f && page.ptr[i] != '#';
    if (!good)
        reader_error(r, at, "\"%.80s\" is no page of a phone: write \"/settings.xml\"", page.ptr);
}

static struct profile *build(struct loader *l, const struct reader *r, struct str name) {
    const config_setting_t *root = config_root_setting(&r->source->tree);
    struct profile_draft draft = {0};
    (void)reader_group(r, root, "", profile_keys, &draft);
    load_check_patterns(r, root, "no_keep_alive_header", draft.no_keep_alive,
                        draft.no_keep_alive_count);
    load_check_patterns(r, root, "static", draft.statics, draft.static_count);
    check_own_roles(r, root, &draft);
    check_content_policy(r, root, draft.content_security_policy);
    size_t count = draft.rules == NULL ? 0 : (size_t)config_setting_length(draft.rules);
    struct rule *rules = reader_alloc(r, count, sizeof(*rules));
    struct strmap names;
    strmap_init(&names, l->key);
    const struct rule_scope scope = {&names, draft.roles, draft.role_count, false};
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(draft.rules, (unsigned)i);
        if (config_setting_is_group(group)) load_rule(l, r, group, &scope, &rules[i]);
    }
    strmap_free(&names);
    struct profile *profile = reader_alloc(r, 1, sizeof(*profile));
    *profile = (struct profile){
        .name = name,
        .login = (enum phone_login)draft.login,
        .form = load_form(l, r, root, draft.form, draft.login == PHONE_LOGIN_FORM),
        .concurrent_requests = draft.concurrent_requests,
        .case_insensitive_paths = draft.case_insensitive_paths,
        .keep_alive_header = draft.keep_alive_header,
        .no_keep_alive_header = draft.no_keep_alive,
        .no_keep_alive_count = draft.no_keep_alive_count,
        .statics = draft.statics,
        .static_count = draft.static_count,
        .roles = draft.roles,
        .role_count = draft.role_count,
        .harmless_values = draft.harmless_values,
        .harmless_value_count = draft.harmless_value_count,
        .content_security_policy = draft.content_security_policy,
        .rules = rules,
        .rule_count = count,
    };
    if (!load_setting_is_good(draft.restart_setting, false))
        reader_error(r, reader_at(root, "restart_setting"),
                     "\"%.80s\" is no name of a setting: A-Z a-z 0-9 _, at most 64",
                     draft.restart_setting.ptr);
    profile->restart_setting = draft.restart_setting;
    profile->settings_pages = draft.settings_pages;
    profile->settings_page_count = draft.settings_page_count;
    profile->about = draft.about;
    profile->shared_key_models = draft.shared_key_models;
    profile->shared_key_model_count = draft.shared_key_model_count;
    for (size_t i = 0; i < draft.settings_page_count; i++)
        check_page(r, reader_at_element(root, "settings_pages", i), draft.settings_pages[i]);
    if (draft.about.page.len > 0) check_page(r, reader_at(root, "about"), draft.about.page);
    profile->admin_page = draft.admin_page;
    profile->admin_field = draft.admin_field;
    if (draft.admin_page.len > 0) check_page(r, reader_at(root, "admin_form"), draft.admin_page);
    profile->harden = load_harden(r, draft.harden, &profile->harden_count);
    load_form_check_rules(r, draft.form, profile);
    return profile;
}

static struct profile *load_file(struct loader *l, const char *path, struct str name) {
    struct source source;
    size_t errors = l->problems.errors;
    struct profile *profile = NULL;
    if (source_read(&source, path, l->ranks++, &l->problems) == SOURCE_OK) {
        struct reader r = {.source = &source, .problems = &l->problems, .arena = l->reader.arena};
        loader_digest(l, (struct str){source.text, source.len});
        profile = build(l, &r, name);
    }
    source_free(&source);
    return l->problems.errors == errors ? profile : NULL;
}

static bool name_is_good(struct str name) {
    if (name.len == 0 || name.len > NAME_MAX_LEN || name.ptr[0] == '.') return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

const struct profile *load_profile(struct loader *l, struct str name, bool *known) {
    struct str directory = l->snapshot->draft.profiles_dir;
    size_t index;
    *known = true;
    if (strmap_find(&l->profiles, name, &index)) return l->profile_list[index];
    if (directory.len == 0) return NULL; /* reported as missing or wrong */
    char *path = NULL;
    ENSURE(asprintf(&path, STR_FMT "/" STR_FMT ".cfg", STR_ARG(directory), STR_ARG(name)) > 0);
    *known = name_is_good(name) && (access(path, F_OK) == 0 || errno != ENOENT);
    struct profile *profile = NULL;
    if (*known) {
        profile = load_file(l, path, name);
        if (profile == NULL) l->profiles_incomplete = true;
        l->profile_list =
            realloc(l->profile_list, (l->profile_count + 1) * sizeof(struct profile *));
        ENSURE(l->profile_list != NULL);
        l->profile_list[l->profile_count] = profile;
        ENSURE(strmap_add(&l->profiles, name, l->profile_count++, &index));
    }
    free(path);
    return profile;
}
