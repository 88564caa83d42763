/* The lists "roles" and "groups". */
#include "proxy/config/loader.h"

#define ROLE_MAX 32

/* ---- roles ---- */

struct role_draft {
    struct str name;
    int account;
};

static const struct reader_word accounts[] = {{"login", 0}, {"admin_login", 1}, {NULL, 0}};
static const struct reader_key role_keys[] = {
    {.name = "name",
     .type = READER_STR,
     .required = true,
     .offset = offsetof(struct role_draft, name)},
    {.name = "account",
     .type = READER_WORD,
     .offset = offsetof(struct role_draft, account),
     .words = accounts},
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

static bool is_built_in(struct str role) {
    return str_equal(role, STR("user")) || str_equal(role, STR("admin"));
}

bool load_role_is_declared(const struct loader *l, struct str role) {
    size_t unused;
    if (is_built_in(role) || strmap_find(&l->site_roles, role, &unused)) return true;
    for (size_t i = 0; i < l->profile_count; i++) {
        const struct profile *profile = l->profile_list[i];
        for (size_t k = 0; profile != NULL && k < profile->role_count; k++)
            if (str_equal(profile->roles[k], role)) return true;
    }
    return false;
}

static void load_one_role(struct loader *l, const config_setting_t *group) {
    struct role_draft draft = {0};
    size_t old;
    if (!reader_group(&l->reader, group, "role", role_keys, &draft)) return;
    const config_setting_t *at = reader_at(group, "name");
    if (!load_role_is_good(draft.name))
        reader_error(&l->reader, at, "\"%.60s\" is no role: a-z 0-9 _ -, at most 32",
                     draft.name.ptr);
    else if (is_built_in(draft.name))
        reader_error(&l->reader, at, "role \"%s\" is there in any case and cannot be another",
                     draft.name.ptr);
    else if (!strmap_add(&l->site_roles, draft.name, (size_t)draft.account, &old))
        reader_error(&l->reader, at, "role \"%s\" stands there already", draft.name.ptr);
}

void load_roles(struct loader *l) {
    const config_setting_t *list = l->snapshot->draft.roles;
    size_t count = list == NULL ? 0 : (size_t)config_setting_length(list);
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        if (config_setting_is_group(group)) load_one_role(l, group);
    }
}

/* ---- groups ---- */

static const struct reader_key group_keys[] = {
    {.name = "name",
     .type = READER_STR,
     .required = true,
     .offset = offsetof(struct loaded_group, name)},
    {.name = "users",
     .type = READER_STRS,
     .required = true,
     .offset = offsetof(struct loaded_group, users),
     .count_offset = offsetof(struct loaded_group, user_count)},
    {.name = NULL},
};

static void load_one_group(struct loader *l, const config_setting_t *group, size_t index) {
    struct loaded_group draft = {0};
    size_t old;
    if (!reader_group(&l->reader, group, "group", group_keys, &draft)) return;
    if (!strmap_add(&l->groups, draft.name, index, &old)) {
        reader_error(&l->reader, reader_at(group, "name"), "group \"%.80s\" stands there already",
                     draft.name.ptr);
        return;
    }
    l->group_list[index] = draft;
    for (size_t i = 0; i < draft.user_count; i++)
        if (!l->users_incomplete && users_find(l->snapshot->users, draft.users[i]) == NULL)
            reader_warning(&l->reader, reader_at_element(group, "users", i),
                           "user \"%.80s\" of this group is in no users file", draft.users[i].ptr);
    if (draft.user_count == 0)
        reader_warning(&l->reader, reader_at(group, "users"), "a group of nobody");
}

void load_groups(struct loader *l) {
    const config_setting_t *list = l->snapshot->draft.groups;
    size_t count = list == NULL ? 0 : (size_t)config_setting_length(list);
    l->group_list = reader_alloc(&l->reader, count, sizeof(*l->group_list));
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        if (config_setting_is_group(group)) load_one_group(l, group, i);
    }
}

struct loaded_group *load_group_find(const struct loader *l, struct str name) {
    size_t index;
    return strmap_find(&l->groups, name, &index) ? &l->group_list[index] : NULL;
}

void load_groups_unused(struct loader *l) {
    const config_setting_t *list = l->snapshot->draft.groups;
    size_t count = list == NULL ? 0 : (size_t)config_setting_length(list);
    for (size_t i = 0; i < count; i++) {
        const struct loaded_group *group = &l->group_list[i];
        if (group->name.len == 0 || group->used) continue;
        const config_setting_t *at = config_setting_get_elem(list, (unsigned)i);
        reader_warning(&l->reader, reader_at(at, "name"), "no grant names the group \"%.80s\"",
                       group->name.ptr);
    }
}
