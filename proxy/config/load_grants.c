#include "policy/access/urlpath.h"
#include "proxy/config/loader.h"

#define ROLE_MAX 32

struct grant_draft {
    const struct str *users, *phones, *allow;
    size_t user_count, phone_count, allow_count;
    struct str role;
    bool scripts;
};

#define AT(field) offsetof(struct grant_draft, field)
#define LIST(key, must, field, count)                                                              \
    {                                                                                              \
        .name = (key), .type = READER_STRS, .required = (must), .offset = AT(field),               \
        .count_offset = AT(count)                                                                  \
    }
static const struct reader_key grant_keys[] = {
    LIST("users", true, users, user_count),
    {.name = "role", .type = READER_STR, .required = true, .offset = AT(role)},
    LIST("phones", true, phones, phone_count),
    {.name = "scripts", .type = READER_BOOL, .offset = AT(scripts)},
    LIST("allow", false, allow, allow_count),
    {.name = NULL},
};

bool load_role_is_good(struct str role) {
    if (role.len == 0 || role.len > ROLE_MAX) return false;
    for (size_t i = 0; i < role.len; i++) {
        char c = role.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !ascii_is_digit(c) && c != '_' && c != '-') return false;
    }
    return true;
}

bool load_class_is_known(struct str name) {
    static const struct str classes[] = {
        {"step1", 5},         {"step2", 5},          {"step3", 5},           {"step4", 5},
        {"firmware-url", 12}, {"factory-reset", 13}, {"minibrowser-url", 15}};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (str_equal(classes[i], name)) return true;
    return false;
}

/* A role that no rule names would quietly deny everything. */
static void check_role(struct loader *l, const config_setting_t *group, struct str role) {
    const config_setting_t *at = reader_at(group, "role");
    size_t unused;
    if (!load_role_is_good(role))
        reader_error(&l->reader, at, "\"%.60s\" is no role: a-z 0-9 _ -, at most 32", role.ptr);
    else if (!str_equal(role, STR("user")) && !str_equal(role, STR("admin")) &&
             !l->profiles_incomplete && !strmap_find(&l->roles, role, &unused))
        reader_error(&l->reader, at, "no rule of a profile in use names the role \"%s\"", role.ptr);
}

static void check_users(struct loader *l, const config_setting_t *group,
                        const struct grant_draft *draft) {
    for (size_t i = 0; i < draft->user_count; i++)
        if (!l->users_incomplete && users_find(l->snapshot->users, draft->users[i]) == NULL)
            reader_warning(&l->reader, reader_at_element(group, "users", i),
                           "user \"%.80s\" of this grant is in no users file", draft->users[i].ptr);
    if (draft->user_count == 0)
        reader_warning(&l->reader, reader_at(group, "users"), "a grant for nobody");
}

static bool covers_any(const struct policy *policy, struct str pattern) {
    for (size_t i = 0; i < policy->phone_count; i++)
        if (urlpath_matches(pattern, policy->phones[i].id, false)) return true;
    return false;
}

static void check_phones(struct loader *l, const config_setting_t *group,
                         const struct grant_draft *draft, const struct strmap *ids) {
    const struct policy *policy = &l->snapshot->config.policy;
    for (size_t i = 0; i < draft->phone_count; i++) {
        struct str pattern = draft->phones[i];
        size_t unused;
        bool plain = str_find(pattern, '*', 0) == pattern.len;
        if (plain ? strmap_find(ids, pattern, &unused) : covers_any(policy, pattern)) continue;
        if (policy->phone_count == 0) continue; /* one warning says it all */
        reader_warning(&l->reader, reader_at_element(group, "phones", i),
                       "\"%.80s\" of this grant covers no phone", pattern.ptr);
    }
    if (draft->phone_count == 0)
        reader_warning(&l->reader, reader_at(group, "phones"), "a grant for no phone");
}

static void check_allow(struct loader *l, const config_setting_t *group,
                        const struct grant_draft *draft) {
    for (size_t i = 0; i < draft->allow_count; i++)
        if (!load_class_is_known(draft->allow[i]))
            reader_error(&l->reader, reader_at_element(group, "allow", i),
                         "\"%.40s\" is no exception: step1 to step4, firmware-url, factory-reset, "
                         "minibrowser-url",
                         draft->allow[i].ptr);
}

static void load_grant(struct loader *l, const config_setting_t *group, const struct strmap *ids,
                       struct grant *grant) {
    struct grant_draft draft = {0};
    if (!reader_group(&l->reader, group, "grant", grant_keys, &draft)) return;
    check_role(l, group, draft.role);
    check_users(l, group, &draft);
    check_phones(l, group, &draft, ids);
    check_allow(l, group, &draft);
    *grant = (struct grant){
        .users = draft.users,
        .user_count = draft.user_count,
        .role = draft.role,
        .phones = draft.phones,
        .phone_count = draft.phone_count,
        .scripts = draft.scripts,
        .allow = draft.allow,
        .allow_count = draft.allow_count,
        .file = arena_copy(l->reader.arena, reader_file(&l->reader, group)),
        .line = reader_line(&l->reader, group),
    };
    ENSURE(grant->file.ptr != NULL);
}

static void add_ids(const struct policy *policy, struct strmap *ids) {
    for (size_t i = 0; i < policy->phone_count; i++) {
        size_t old; /* duplicates are reported where phones are read; broken ones have no id */
        if (policy->phones[i].id.len > 0) (void)!strmap_add(ids, policy->phones[i].id, i, &old);
    }
}

void load_grants(struct loader *l) {
    struct policy *policy = &l->snapshot->config.policy;
    const config_setting_t *list = l->snapshot->draft.grants;
    size_t count = list == NULL ? 0 : (size_t)config_setting_length(list);
    struct grant *grants = reader_alloc(&l->reader, count, sizeof(*grants));
    struct strmap ids;
    strmap_init(&ids, l->key);
    add_ids(policy, &ids);
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        if (config_setting_is_group(group)) load_grant(l, group, &ids, &grants[i]);
    }
    strmap_free(&ids);
    policy->grants = grants;
    policy->grant_count = count;
    if (list != NULL && count == 0)
        reader_warning(&l->reader, list, "there are no grants: nobody may open anything");
}
