#include "proxy/cmd/precis.h"

#include <stdio.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "policy/base/bytes.h"
#include "proxy/cmd/precis_class.h"

/* A password may be in here: wiped. */
struct points {
    ucs4_t *at;
    size_t len;
};

static void points_free(struct points *p) {
    if (p->at != NULL) bytes_wipe(p->at, p->len * sizeof(*p->at));
    free(p->at);
    *p = (struct points){NULL, 0};
}

static bool points_from(struct str s, struct points *p) {
    *p = (struct points){NULL, 0};
    if (s.len == 0 || !str_is_utf8(s)) return false;
    p->at = u8_to_u32((const uint8_t *)s.ptr, s.len, NULL, &p->len);
    ENSURE(p->at != NULL);
    return true;
}

static void points_to(const struct points *p, struct textfile *out) {
    size_t len;
    uint8_t *text = u32_to_u8(p->at, p->len, NULL, &len);
    ENSURE(text != NULL);
    *out = (struct textfile){.text = calloc(1, len + 1), .len = len};
    ENSURE(out->text != NULL);
    memcpy(out->text, text, len);
    bytes_wipe(text, len);
    free(text);
}

static void compose(struct points *p) {
    struct points composed = {NULL, 0};
    composed.at = u32_normalize(UNINORM_NFC, p->at, p->len, NULL, &composed.len);
    ENSURE(composed.at != NULL);
    points_free(p);
    *p = composed;
}

/* Full-width and half-width forms have one ordinary character each. */
static void map_width(struct points *p) {
    for (size_t i = 0; i < p->len; i++) {
        ucs4_t form[UC_DECOMPOSITION_MAX_LENGTH];
        int tag;
        if (uc_decomposition(p->at[i], &tag, form) == 1 &&
            (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW))
            p->at[i] = form[0];
    }
}

static void map_blanks(struct points *p) {
    for (size_t i = 0; i < p->len; i++) {
        if (uc_is_general_category_withtable(p->at[i], UC_CATEGORY_MASK_Zs)) p->at[i] = ' ';
    }
}

static bool fail(char *error, size_t error_len, const char *what) {
    (void)snprintf(error, error_len, "%s", what);
    return false;
}

static bool check_part(const struct points *p, char *error, size_t error_len) {
    const char *reason;
    size_t bad = precis_class_check(PRECIS_IDENTIFIER, p->at, p->len, &reason);
    if (bad < p->len) {
        (void)snprintf(error, error_len, "U+%04X cannot stand in a name: it is %s",
                       (unsigned)p->at[bad], reason);
        return false;
    }
    if (!precis_bidi_is_fine(p->at, p->len))
        return fail(error, error_len,
                    "the name mixes directions of writing in a way that cannot be shown reliably");
    return true;
}

/* Each part between blanks; none at either end. */
static bool check_name(const struct points *p, char *error, size_t error_len) {
    if (p->at[0] == ' ' || p->at[p->len - 1] == ' ')
        return fail(error, error_len, "a name has no blank at either end");
    for (size_t from = 0; from < p->len;) {
        size_t to = from;
        while (to < p->len && p->at[to] != ' ') to++;
        const struct points part = {p->at + from, to - from};
        if (part.len > 0 && !check_part(&part, error, error_len)) return false;
        from = to + 1;
    }
    return true;
}

static bool is_ascii(struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] >= 0x80) return false;
    }
    return true;
}

/* Without a look at what is allowed. */
static bool map_name(struct str name, struct points *p) {
    if (!points_from(name, p)) return false;
    map_width(p);
    compose(p);
    return true;
}

bool precis_username(struct str name, struct textfile *out, char *error, size_t error_len) {
    struct points p;
    *out = (struct textfile){.text = NULL};
    if (!map_name(name, &p)) return fail(error, error_len, "the name is empty or not UTF-8");
    bool good = check_name(&p, error, error_len);
    if (good) points_to(&p, out);
    points_free(&p);
    return good;
}

bool precis_password(struct str password, struct textfile *out, char *error, size_t error_len) {
    struct points p;
    const char *reason;
    *out = (struct textfile){.text = NULL};
    if (!points_from(password, &p))
        return fail(error, error_len, "the password is empty or not UTF-8");
    map_blanks(&p);
    compose(&p);
    /* Which character it is stays between the person and the keyboard. */
    bool good = precis_class_check(PRECIS_FREEFORM, p.at, p.len, &reason) == p.len;
    if (good)
        points_to(&p, out);
    else
        (void)snprintf(error, error_len, "a character of the password is %s", reason);
    points_free(&p);
    return good;
}

bool precis_same_name(struct str a, struct str b) {
    if (is_ascii(a) && is_ascii(b)) return str_equal(a, b);
    struct points p, q;
    bool have_a = map_name(a, &p), have_b = map_name(b, &q);
    bool same = have_a && have_b && p.len == q.len && u32_cmp(p.at, q.at, p.len) == 0;
    points_free(&p);
    points_free(&q);
    return same || str_equal(a, b);
}

bool precis_is_spelled_right(struct str name) {
    struct textfile mapped;
    struct points p;
    if (is_ascii(name)) return true;
    if (!map_name(name, &p)) return false;
    points_to(&p, &mapped);
    points_free(&p);
    bool right = str_equal(name, (struct str){mapped.text, mapped.len});
    textfile_free(&mapped);
    return right;
}
