/* The list "users": what the configuration takes away from accounts. */
#include <string.h>
#include <time.h>

#include "proxy/config/loader.h"

#define DAY_MS     UINT64_C(86400000)
#define DATE_LEN   10
#define YEAR_FIRST 1971

struct limits_draft {
    struct str name, expires;
    bool disabled, md5;
};

#define AT(field) offsetof(struct limits_draft, field)
static const struct reader_key limits_keys[] = {
    {.name = "name", .type = READER_STR, .required = true, .offset = AT(name)},
    {.name = "expires", .type = READER_STR, .offset = AT(expires)},
    {.name = "disabled", .type = READER_BOOL, .offset = AT(disabled)},
    {.name = "md5", .type = READER_BOOL, .offset = AT(md5), .absent = true},
    {.name = NULL},
};

static bool number_at(struct str text, size_t from, size_t len, int *value) {
    *value = 0;
    for (size_t i = from; i < from + len; i++) {
        if (!ascii_is_digit(text.ptr[i])) return false;
        *value = 10 * *value + (text.ptr[i] - '0');
    }
    return true;
}

/* YYYY-MM-DD to the first millisecond behind the end of that day, UTC. */
static bool end_of_day(struct str date, uint64_t *ends_ms) {
    struct tm day = {0};
    int year, month;
    if (date.len != DATE_LEN || date.ptr[4] != '-' || date.ptr[7] != '-' ||
        !number_at(date, 0, 4, &year) || !number_at(date, 5, 2, &month) ||
        !number_at(date, 8, 2, &day.tm_mday) || year < YEAR_FIRST)
        return false;
    day.tm_year = year - 1900;
    day.tm_mon = month - 1;
    struct tm same = day;
    time_t seconds = timegm(&same);
    /* A 31st of February would have become a day of March. */
    if (seconds < 0 || same.tm_mday != day.tm_mday || same.tm_mon != day.tm_mon) return false;
    *ends_ms = (uint64_t)seconds * 1000 + DAY_MS;
    return true;
}

static void load_one(struct loader *l, const config_setting_t *group, struct strmap *names,
                     struct config_user_limits *entry) {
    struct limits_draft draft = {.md5 = true};
    if (!reader_group(&l->reader, group, "user", limits_keys, &draft)) return;
    size_t line;
    if (!strmap_add(names, draft.name, (size_t)config_setting_source_line(group), &line)) {
        struct problem_place first = source_place(&l->source, (unsigned)line);
        reader_error(&l->reader, reader_at(group, "name"), "user \"%.80s\" stands already at %s:%u",
                     draft.name.ptr, first.file, first.line);
        return;
    }
    struct user_limits limits = {.disabled = draft.disabled, .md5_is_off = !draft.md5};
    if (draft.expires.len > 0 && !end_of_day(draft.expires, &limits.ends_ms)) {
        reader_error(&l->reader, reader_at(group, "expires"),
                     "\"%.40s\" is no date: write \"2027-01-31\", the last day on which the "
                     "account works (UTC)",
                     draft.expires.ptr);
        return;
    }
    *entry = (struct config_user_limits){draft.name, limits};
}

void load_limits(struct loader *l) {
    struct draft *draft = &l->snapshot->draft;
    size_t count = draft->users == NULL ? 0 : (size_t)config_setting_length(draft->users);
    struct config_user_limits *list = reader_alloc(&l->reader, count, sizeof(*list));
    struct strmap names;
    strmap_init(&names, l->key);
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(draft->users, (unsigned)i);
        if (config_setting_is_group(group)) load_one(l, group, &names, &list[i]);
    }
    strmap_free(&names);
    draft->limits = list;
    draft->limit_count = count;
}

static void warn(struct loader *l, size_t index, bool found) {
    const struct config_user_limits *entry = &l->snapshot->draft.limits[index];
    const config_setting_t *group =
        config_setting_get_elem(l->snapshot->draft.users, (unsigned)index);
    if (!found && !l->users_incomplete)
        reader_warning(&l->reader, reader_at(group, "name"), "user \"%.80s\" is in no users file",
                       entry->name.ptr);
    if (entry->limits.ends_ms > 0 && (uint64_t)time(NULL) >= entry->limits.ends_ms / 1000)
        reader_warning(&l->reader, reader_at(group, "expires"),
                       "the account of \"%.80s\" is over: that day is past", entry->name.ptr);
}

void load_limits_apply(struct loader *l) {
    const struct draft *draft = &l->snapshot->draft;
    for (size_t i = 0; i < draft->limit_count; i++) {
        const struct config_user_limits *entry = &draft->limits[i];
        if (entry->name.len == 0) continue; /* reported */
        warn(l, i, users_limit(l->snapshot->users, entry->name, &entry->limits));
    }
}
