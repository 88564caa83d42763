#include "proxy/config/problems.h"

#include <stdio.h>
#include <string.h>

struct problem {
    enum config_level level;
    struct problem_place place;
    size_t sequence; /* qsort is not stable */
    char *file, *text;
};

void problems_init(struct problems *p) {
    *p = (struct problems){0};
}

void problems_free(struct problems *p) {
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i].file);
        free(p->items[i].text);
    }
    free(p->items);
    problems_init(p);
}

static struct problem *push(struct problems *p) {
    if (p->count == p->capacity) {
        p->capacity = p->capacity == 0 ? 16 : 2 * p->capacity;
        p->items = realloc(p->items, p->capacity * sizeof(*p->items));
        ENSURE(p->items != NULL);
    }
    return &p->items[p->count++];
}

void problems_vadd(struct problems *p, enum config_level level, struct problem_place place,
                   const char *format, va_list args) {
    struct problem *item = push(p);
    *item = (struct problem){.level = level, .place = place, .sequence = p->count};
    item->file = strdup(place.file);
    ENSURE(item->file != NULL && vasprintf(&item->text, format, args) >= 0);
    if (level == CONFIG_ERROR)
        p->errors++;
    else
        p->warnings++;
}

void problems_add(struct problems *p, enum config_level level, struct problem_place place,
                  const char *format, ...) {
    va_list args;
    va_start(args, format);
    problems_vadd(p, level, place, format, args);
    va_end(args);
}

void problems_move(struct problems *to, struct problems *from) {
    for (size_t i = 0; i < from->count; i++) {
        struct problem *item = push(to);
        *item = from->items[i];
        item->sequence = to->count;
    }
    to->errors += from->errors;
    to->warnings += from->warnings;
    free(from->items);
    problems_init(from);
}

static int by_place(const void *left, const void *right) {
    const struct problem *a = left, *b = right;
    if (a->place.rank != b->place.rank) return a->place.rank < b->place.rank ? -1 : 1;
    if (a->place.order != b->place.order) return a->place.order < b->place.order ? -1 : 1;
    return a->sequence < b->sequence ? -1 : 1;
}

void problems_tell(struct problems *p, config_report *report, void *user) {
    if (p->count > 0) qsort(p->items, p->count, sizeof(*p->items), by_place);
    for (size_t i = 0; i < p->count; i++) {
        const struct problem *item = &p->items[i];
        report(user, item->level, item->file, item->place.line, item->text);
    }
}
