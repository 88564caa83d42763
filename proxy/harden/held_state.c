#include "proxy/harden/held_state.h"

#include <string.h>

#define HEAD "phonegate-held 1"
/* Seconds that fit a file of any clock: the year 36812. */
#define TIME_MAX ((UINT64_C(1) << 40) - 1)

void held_state_head(struct outbuf *out) {
    outbuf_put(out, STR(HEAD "\n"));
}

/* ---- writing ---- */

static bool is_trouble(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !ascii_is_digit(c) && c != '_') return false;
    }
    return text.len <= HELD_TROUBLE_MAX;
}

void held_trouble_set(struct held_memory *m, const char *trouble) {
    struct str text = str_part(str_of(trouble), 0, HELD_TROUBLE_MAX);
    if (!is_trouble(text)) text = STR("unknown");
    if (text.len > 0) memcpy(m->trouble, text.ptr, text.len);
    m->trouble[text.len] = '\0';
}

static void put_number(struct outbuf *out, uint64_t number) {
    outbuf_char(out, ' ');
    outbuf_u64(out, number);
}

void held_state_put(const struct held_memory *m, struct outbuf *out) {
    outbuf_put(out, STR("phone "));
    outbuf_put(out, str_of(m->id));
    put_number(out, m->tried_s);
    put_number(out, m->answered_s);
    outbuf_char(out, ' ');
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        outbuf_char(out, drift_step_letter(m->drift.steps[step]));
    outbuf_char(out, ' ');
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        outbuf_char(out, drift_seen_letter(m->drift.seen[step]));
    put_number(out, m->drift.passing);
    put_number(out, m->restricted ? 1 : 0);
    outbuf_char(out, ' ');
    outbuf_put(out, m->trouble[0] != '\0' ? str_of(m->trouble) : STR("-"));
    outbuf_char(out, '\n');
}

/* ---- reading ---- */

static bool take_number(struct str *rest, uint64_t max, uint64_t *number) {
    struct str word;
    return str_split(rest, ' ', &word) && str_to_u64(word, max, number);
}

static bool take_id(struct str *rest, char id[HELD_ID_MAX + 1]) {
    struct str word;
    if (!str_split(rest, ' ', &word) || word.len == 0 || word.len > HELD_ID_MAX) return false;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    memcpy(id, word.ptr, word.len);
    id[word.len] = '\0';
    return true;
}

static bool take_letters(struct str *rest, struct drift *d) {
    struct str steps, looks;
    if (!str_split(rest, ' ', &steps) || !str_split(rest, ' ', &looks)) return false;
    if (steps.len != HARDEN_STEPS - 1 || looks.len != HARDEN_STEPS - 1) return false;
    for (unsigned step = 1; step < HARDEN_STEPS; step++) {
        if (!drift_step_from(steps.ptr[step - 1], &d->steps[step]) ||
            !drift_seen_from(looks.ptr[step - 1], &d->seen[step]))
            return false;
    }
    return true;
}

static bool take_trouble(struct str rest, struct held_memory *m) {
    if (rest.len == 0 || (!str_equal(rest, STR("-")) && !is_trouble(rest))) return false;
    if (str_equal(rest, STR("-"))) rest = STR_NONE;
    if (rest.len > 0) memcpy(m->trouble, rest.ptr, rest.len);
    m->trouble[rest.len] = '\0';
    return true;
}

bool held_state_line(struct str line, struct held_memory *m) {
    struct str word, rest = line;
    uint64_t passing, restricted;
    *m = (struct held_memory){.tried_s = 0};
    if (!str_split(&rest, ' ', &word) || !str_equal(word, STR("phone")) || !take_id(&rest, m->id))
        return false;
    if (!take_number(&rest, TIME_MAX, &m->tried_s) ||
        !take_number(&rest, TIME_MAX, &m->answered_s) || !take_letters(&rest, &m->drift) ||
        !take_number(&rest, DRIFT_PASSING_MAX, &passing) || !take_number(&rest, 1, &restricted))
        return false;
    m->drift.passing = (unsigned)passing;
    m->restricted = restricted == 1;
    return take_trouble(rest, m);
}

bool held_state_read(struct str text, held_state_each *each, void *user) {
    struct str line;
    bool good = text.len > 0 && text.ptr[text.len - 1] == '\n';
    if (!str_split(&text, '\n', &line) || !str_equal(line, STR(HEAD))) return false;
    while (str_split(&text, '\n', &line)) {
        struct held_memory m;
        if (text.ptr == NULL) break; /* behind the last line end, or a line that was cut */
        if (held_state_line(line, &m))
            each(user, &m);
        else
            good = false;
    }
    return good;
}
