#include "proxy/harden/crawl.h"

#include <string.h>

#include "policy/access/urlpath.h"
#include "policy/base/bytes.h"

struct visit {
    char *target; /* owned, NUL behind it */
    size_t len;
    unsigned depth;
};

struct crawl {
    const struct way *way;
    struct crawl_want *wants;
    size_t want_count;
    crawl_done *done;
    void *user;
    struct fetch *fetch;
    struct arena arena; /* of one page, which may show passwords: wiped */
    struct visit visits[CRAWL_PAGES_MAX];
    size_t visit_count, at; /* at: the one being fetched */
    struct crawl_result result;
};

static void free_crawl(struct crawl *c) {
    for (size_t i = 0; i < c->visit_count; i++) free(c->visits[i].target);
    arena_wipe(&c->arena);
    arena_release(&c->arena);
    free(c);
}

static void finish(struct crawl *c, const char *reason) {
    c->result.reason = reason;
    c->done(c->user, &c->result);
    free_crawl(c);
}

/* ---- where to go ---- */

static bool is_known(const struct crawl *c, struct str target) {
    for (size_t i = 0; i < c->visit_count; i++) {
        struct str known = {c->visits[i].target, c->visits[i].len};
        if (c->way->profile->case_insensitive_paths ? str_equal_icase(known, target)
                                                    : str_equal(known, target))
            return true;
    }
    return false;
}

static bool has_word(struct str target, struct str word) {
    for (size_t i = 0; i + word.len <= target.len; i++)
        if (str_equal_icase(str_part(target, i, word.len), word)) return true;
    return false;
}

/* Files that are no pages, pages that answer slowly, and names that sound like doing something. */
static bool is_worth_it(const struct crawl *c, struct str target) {
    static const char *const files[] = {".css", ".js",  ".png",  ".gif", ".jpg", ".ico", ".bmp",
                                        ".swf", ".csv", ".pcap", ".xml", ".cfg", ".wav", ".bin"};
    static const char *const deeds[] = {"logout", "logoff", "reset", "reboot", "restart"};
    const struct profile *profile = c->way->profile;
    if (str_find(target, '?', 0) < target.len) return false;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct str end = str_of(files[i]);
        if (target.len >= end.len &&
            str_equal_icase(str_part(target, target.len - end.len, end.len), end))
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++)
        if (has_word(target, str_of(deeds[i]))) return false;
    for (size_t i = 0; i < profile->no_keep_alive_count; i++)
        if (urlpath_matches(profile->no_keep_alive_header[i], target,
                            profile->case_insensitive_paths))
            return false;
    return true;
}

static void add_visit(struct crawl *c, struct str target, unsigned depth) {
    if (c->visit_count == CRAWL_PAGES_MAX || depth > CRAWL_DEPTH_MAX) return;
    if (is_known(c, target) || !is_worth_it(c, target)) return;
    char *copy = strndup(target.ptr, target.len);
    ENSURE(copy != NULL);
    c->visits[c->visit_count++] = (struct visit){copy, target.len, depth};
}

static void add_link(struct crawl *c, struct str base, struct str link, unsigned depth) {
    char text[FORM_TARGET_MAX];
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    if (form_target(base, link, &out) && !out.full) add_visit(c, outbuf_str(&out), depth);
}

/* ---- what a page holds ---- */

static void look_for(struct crawl *c, struct crawl_want *want, struct str page, struct str at) {
    struct form form;
    if (want->target_len > 0 || at.len > sizeof(want->target)) return;
    arena_wipe(&c->arena);
    arena_reset(&c->arena);
    enum form_verdict verdict = want->button ? form_find_button(page, want->name, &c->arena, &form)
                                             : form_find(page, want->name, &c->arena, &form);
    if (verdict == FORM_OK && !form.post) verdict = FORM_UNSUPPORTED;
    if (verdict == FORM_OK) {
        memcpy(want->target, at.ptr, at.len);
        want->target_len = at.len;
    } else if (verdict != FORM_NOT_FOUND && verdict != FORM_MALFORMED) {
        want->verdict = verdict;
    }
}

static bool has_all(const struct crawl *c) {
    bool any_wanted = false, any_found = false;
    for (size_t i = 0; i < c->want_count; i++) {
        bool found = c->wants[i].target_len > 0;
        if (!found && !c->wants[i].any) return false;
        any_wanted |= c->wants[i].any;
        any_found |= c->wants[i].any && found;
    }
    return !any_wanted || any_found;
}

static void read_page(struct crawl *c, struct str page) {
    const struct visit *here = &c->visits[c->at];
    struct str base = {here->target, here->len};
    unsigned depth = here->depth + 1;
    struct form_links links;
    for (size_t i = 0; i < c->want_count; i++) look_for(c, &c->wants[i], page, base);
    arena_wipe(&c->arena);
    arena_reset(&c->arena);
    if (form_links(page, &c->arena, &links) != FORM_OK) return;
    for (size_t i = 0; i < links.count; i++) add_link(c, base, links.items[i], depth);
}

static void next(struct crawl *c);

static void on_page(void *user, const struct fetch_answer *answer) {
    struct crawl *c = user;
    c->fetch = NULL;
    if (answer->reason != NULL && strcmp(answer->reason, "answer_too_long") != 0) {
        finish(c, answer->reason);
        return;
    }
    c->result.pages++;
    if (answer->status == 403) c->result.forbidden++;
    if (answer->status == 200 && answer->reason == NULL) read_page(c, answer->body);
    if (answer->location.len > 0) {
        const struct visit *here = &c->visits[c->at];
        add_link(c, (struct str){here->target, here->len}, answer->location, here->depth + 1);
    }
    c->at++;
    next(c);
}

static void next(struct crawl *c) {
    if (c->at == c->visit_count || has_all(c)) {
        finish(c, NULL);
        return;
    }
    const struct visit *visit = &c->visits[c->at];
    c->fetch = way_get(c->way, (struct str){visit->target, visit->len}, on_page, c);
}

struct crawl *crawl_start(const struct way *way, struct crawl_want *wants, size_t count,
                          crawl_done *done, void *user) {
    struct crawl *c = calloc(1, sizeof(*c));
    ENSURE(c != NULL);
    c->way = way;
    c->wants = wants;
    c->want_count = count;
    c->done = done;
    c->user = user;
    arena_init(&c->arena, FORM_ARENA);
    for (size_t i = 0; i < count; i++) {
        wants[i].target_len = 0;
        wants[i].verdict = FORM_NOT_FOUND;
    }
    add_visit(c, STR("/"), 0);
    c->fetch = way_get(way, STR("/"), on_page, c);
    return c;
}

void crawl_cancel(struct crawl *c) {
    if (c->fetch != NULL) fetch_cancel(c->fetch);
    free_crawl(c);
}
