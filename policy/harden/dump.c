#include "policy/harden/dump.h"

#include <string.h>

#include "policy/harden/dump_parts.h"
#include "policy/harden/markup.h"

static const char *const names[] = {
    [DUMP_OK] = "ok",
    [DUMP_NOT_ONE] = "no_settings",
    [DUMP_TRUNCATED] = "truncated",
    [DUMP_MALFORMED] = "malformed",
    [DUMP_TOO_BIG] = "too_big",
    [DUMP_NO_MEMORY] = "no_memory",
};

const char *dump_verdict_str(enum dump_verdict verdict) {
    return names[verdict];
}

bool dump_is_name(struct str name) {
    if (name.len == 0 || name.len > DUMP_NAME_MAX) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '_') return false;
    }
    return true;
}

enum dump_perm dump_perm_of(struct str flag) {
    if (str_equal(flag, STR("R")) || str_equal(flag, STR("&")) || str_equal(flag, STR(" ")))
        return DUMP_PERM_R;
    if (str_equal(flag, STR("RW")) || str_equal(flag, STR("$"))) return DUMP_PERM_RW;
    if (str_equal(flag, STR("!"))) return DUMP_PERM_USER;
    return DUMP_PERM_UNKNOWN;
}

enum dump_verdict dump_add(struct dump *dump, const struct dump_entry *entry) {
    if (dump->count == dump->capacity) return DUMP_TOO_BIG;
    dump->entries[dump->count++] = *entry;
    return DUMP_OK;
}

static int compare_names(struct str a, struct str b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);
    if (order != 0) return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static int compare(const void *left, const void *right) {
    const struct dump_entry *a = left, *b = right;
    int order = compare_names(a->name, b->name);
    if (order != 0) return order;
    return a->idx < b->idx ? -1 : a->idx > b->idx;
}

/* One entry a setting. Two values for one setting: nobody knows which one counts. */
static void join_repeated(struct dump *dump) {
    size_t kept = 0;
    for (size_t i = 0; i < dump->count; i++) {
        struct dump_entry *entry = &dump->entries[i];
        struct dump_entry *last = kept == 0 ? NULL : &dump->entries[kept - 1];
        if (last == NULL || compare(last, entry) != 0) {
            dump->entries[kept++] = *entry;
            continue;
        }
        if (entry->unclear || !str_equal(last->value, entry->value)) last->unclear = true;
        if (entry->perm != last->perm) last->perm = DUMP_PERM_UNKNOWN;
    }
    dump->count = kept;
}

/* "name!" in front of the colon. */
static bool split_flag(struct str head, struct dump_entry *entry) {
    struct str flag = STR("");
    if (head.len > 0 && strchr("&!$ ", head.ptr[head.len - 1]) != NULL) {
        flag = str_part(head, head.len - 1, 1);
        head.len--;
    }
    entry->name = head;
    /* No flag at all says the same as '&'. */
    entry->perm = flag.len == 0 ? DUMP_PERM_R : dump_perm_of(flag);
    return dump_is_name(head);
}

static enum dump_verdict add_line(struct dump *dump, struct str line, bool in_page) {
    size_t colon = str_find(line, ':', 0);
    struct dump_entry entry = {0};
    if (colon == line.len) return DUMP_OK;
    struct str head = str_part(line, 0, colon);
    /* Inside a page the flag is an entity. */
    if (in_page && str_ends_with(head, STR("&amp;"))) head.len -= 4;
    if (!split_flag(head, &entry)) return DUMP_OK;
    entry.value = str_trim(str_part(line, colon + 1, line.len));
    if (in_page) {
        enum markup_verdict verdict =
            markup_decode(entry.value, MARKUP_HTML, dump->arena, &entry.value);
        if (verdict == MARKUP_NO_MEMORY) return DUMP_NO_MEMORY;
        entry.unclear = verdict != MARKUP_OK;
    }
    return dump_add(dump, &entry);
}

static size_t find_text_icase(struct str s, struct str part) {
    for (size_t i = 0; i + part.len <= s.len; i++) {
        i = str_find(s, '<', i);
        if (str_starts_with_icase(str_part(s, i, part.len), part)) return i;
    }
    return s.len;
}

static enum dump_verdict read_text(struct dump *dump, struct str text) {
    size_t pre = find_text_icase(text, STR("<pre>"));
    bool in_page = pre < text.len;
    if (in_page) {
        text = str_part(text, pre + 5, text.len);
        size_t end = find_text_icase(text, STR("</pre>"));
        if (end == text.len) return DUMP_TRUNCATED;
        text.len = end;
    }
    struct str line;
    while (str_split(&text, '\n', &line)) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
        enum dump_verdict verdict = add_line(dump, line, in_page);
        if (verdict != DUMP_OK) return verdict;
    }
    return DUMP_OK;
}

/* Every setting has a line or a '<' of its own. */
static bool make_room(struct dump *dump, struct str text) {
    size_t lines = 1, tags = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n') lines++;
        if (text.ptr[i] == '<') tags++;
    }
    size_t most = lines > tags ? lines : tags;
    dump->capacity = most < DUMP_ENTRIES_MAX ? most : DUMP_ENTRIES_MAX;
    dump->entries = arena_alloc(dump->arena, dump->capacity * sizeof(*dump->entries));
    return dump->entries != NULL;
}

static enum dump_verdict read_any(struct dump *dump, struct str text) {
    if (text.len > DUMP_BYTES_MAX) return DUMP_TOO_BIG;
    if (!make_room(dump, text)) return DUMP_NO_MEMORY;
    if (str_starts_with(text, STR("\xef\xbb\xbf"))) text = str_part(text, 3, text.len);
    while (text.len > 0 && markup_is_space(text.ptr[0])) text = str_part(text, 1, text.len);
    if (str_starts_with(text, STR("<?xml")) || str_starts_with(text, STR("<settings")))
        return dump_read_xml(dump, text);
    return read_text(dump, text);
}

enum dump_verdict dump_read(struct str text, struct arena *arena, struct dump *dump) {
    *dump = (struct dump){.arena = arena};
    enum dump_verdict verdict = read_any(dump, text);
    if (verdict == DUMP_OK && dump->count == 0) verdict = DUMP_NOT_ONE;
    if (verdict != DUMP_OK) {
        *dump = (struct dump){.arena = arena};
        return verdict;
    }
    qsort(dump->entries, dump->count, sizeof(*dump->entries), compare);
    join_repeated(dump);
    return DUMP_OK;
}

const struct dump_entry *dump_find(const struct dump *dump, struct str name) {
    struct dump_entry key = {.name = name};
    if (dump->count == 0) return NULL;
    return bsearch(&key, dump->entries, dump->count, sizeof(key), compare);
}
