/* The rules of RFC 8264 sections 8 and 9, RFC 5892 appendix A and RFC 5893 section 2; what Unicode
 * says of each character is libunistring's to know. */
#include "proxy/cmd/precis_class.h"

#include <string.h>
#include <unictype.h>
#include <unigbrk.h>
#include <uninorm.h>

#define ZERO_WIDTH_NON_JOINER 0x200c
#define ZERO_WIDTH_JOINER     0x200d

enum derived { VALID, FREE_ONLY, CONTEXT, DISALLOWED, UNASSIGNED };

/* Section 9.6, which is RFC 5892's section 2.6. */
static bool is_exception(ucs4_t c, enum derived *derived) {
    static const struct {
        ucs4_t from, to;
        enum derived derived;
    } list[] = {
        {0x00b7, 0x00b7, CONTEXT},    {0x00df, 0x00df, VALID},      {0x0375, 0x0375, CONTEXT},
        {0x03c2, 0x03c2, VALID},      {0x05f3, 0x05f4, CONTEXT},    {0x0640, 0x0640, DISALLOWED},
        {0x0660, 0x0669, CONTEXT},    {0x06f0, 0x06f9, CONTEXT},    {0x06fd, 0x06fe, VALID},
        {0x07fa, 0x07fa, DISALLOWED}, {0x0f0b, 0x0f0b, VALID},      {0x3007, 0x3007, VALID},
        {0x302e, 0x302f, DISALLOWED}, {0x3031, 0x3035, DISALLOWED}, {0x303b, 0x303b, DISALLOWED},
        {0x30fb, 0x30fb, CONTEXT},
    };
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        if (c < list[i].from || c > list[i].to) continue;
        *derived = list[i].derived;
        return true;
    }
    return false;
}

static bool is_old_hangul(ucs4_t c) {
    int property = uc_graphemeclusterbreak_property(c);
    return property == GBP_L || property == GBP_V || property == GBP_T;
}

static bool has_compatibility_form(ucs4_t c) {
    ucs4_t form[UC_DECOMPOSITION_MAX_LENGTH];
    size_t len = ARRAY_LEN(form);
    const ucs4_t *got = u32_normalize(UNINORM_NFKC, &c, 1, form, &len);
    return got != form || len != 1 || form[0] != c;
}

static bool is_in(ucs4_t c, uint32_t categories) {
    return uc_is_general_category_withtable(c, categories);
}

/* In the order of section 8. */
static enum derived derive(ucs4_t c) {
    enum derived exception;
    if (is_exception(c, &exception)) return exception;
    bool noncharacter = uc_is_property_not_a_character(c);
    if (is_in(c, UC_CATEGORY_MASK_Cn) && !noncharacter) return UNASSIGNED;
    if (c >= 0x21 && c <= 0x7e) return VALID;
    if (uc_is_property_join_control(c)) return CONTEXT;
    if (is_old_hangul(c)) return DISALLOWED;
    if (noncharacter || uc_is_property_default_ignorable_code_point(c)) return DISALLOWED;
    if (is_in(c, UC_CATEGORY_MASK_Cc)) return DISALLOWED;
    if (has_compatibility_form(c)) return FREE_ONLY;
    if (is_in(c, UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lo |
                     UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn |
                     UC_CATEGORY_MASK_Mc))
        return VALID;
    if (is_in(c, UC_CATEGORY_MASK_Lt | UC_CATEGORY_MASK_Nl | UC_CATEGORY_MASK_No |
                     UC_CATEGORY_MASK_Me | UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_S |
                     UC_CATEGORY_MASK_P))
        return FREE_ONLY;
    return DISALLOWED;
}

/* ---- Characters that stand in some contexts only ---- */

struct place {
    const ucs4_t *text;
    size_t len, at;
};

/* Between characters that join across it (RFC 5892 A.1). */
static bool joins(const struct place *p) {
    size_t before = p->at, behind = p->at + 1;
    while (before > 0 && uc_joining_type(p->text[before - 1]) == UC_JOINING_TYPE_T) before--;
    while (behind < p->len && uc_joining_type(p->text[behind]) == UC_JOINING_TYPE_T) behind++;
    if (before == 0 || behind == p->len) return false;
    int left = uc_joining_type(p->text[before - 1]), right = uc_joining_type(p->text[behind]);
    return (left == UC_JOINING_TYPE_L || left == UC_JOINING_TYPE_D) &&
           (right == UC_JOINING_TYPE_R || right == UC_JOINING_TYPE_D);
}

static bool is_of_script(ucs4_t c, const char *name) {
    const uc_script_t *script = uc_script(c);
    return script != NULL && strcmp(script->name, name) == 0;
}

/* With KATAKANA MIDDLE DOT somewhere: at least one character of Japanese (RFC 5892 A.7). */
static bool is_japanese(const struct place *p) {
    for (size_t i = 0; i < p->len; i++) {
        ucs4_t c = p->text[i];
        if (c != 0x30fb &&
            (is_of_script(c, "Hiragana") || is_of_script(c, "Katakana") || is_of_script(c, "Han")))
            return true;
    }
    return false;
}

static bool has_none_of(const struct place *p, ucs4_t from, ucs4_t to) {
    for (size_t i = 0; i < p->len; i++) {
        if (p->text[i] >= from && p->text[i] <= to) return false;
    }
    return true;
}

static bool context_allows(const struct place *p) {
    ucs4_t c = p->text[p->at];
    ucs4_t before = p->at > 0 ? p->text[p->at - 1] : 0;
    ucs4_t behind = p->at + 1 < p->len ? p->text[p->at + 1] : 0;
    bool virama = p->at > 0 && uc_combining_class(before) == UC_CCC_VR;
    if (c == ZERO_WIDTH_NON_JOINER) return virama || joins(p);
    if (c == ZERO_WIDTH_JOINER) return virama;
    if (c == 0x00b7) return before == 'l' && behind == 'l';
    if (c == 0x0375) return is_of_script(behind, "Greek");
    if (c == 0x05f3 || c == 0x05f4) return is_of_script(before, "Hebrew");
    if (c == 0x30fb) return is_japanese(p);
    if (c >= 0x0660 && c <= 0x0669) return has_none_of(p, 0x06f0, 0x06f9);
    return c >= 0x06f0 && c <= 0x06f9 && has_none_of(p, 0x0660, 0x0669);
}

static const char *problem_at(enum precis_class class, const struct place *p) {
    switch (derive(p->text[p->at])) {
    case VALID:
        return NULL;
    case FREE_ONLY:
        return class == PRECIS_FREEFORM ? NULL : "no letter, digit or visible ASCII character";
    case CONTEXT:
        return context_allows(p) ? NULL : "not allowed between these characters";
    case DISALLOWED:
        return "a control character or not allowed anywhere";
    case UNASSIGNED:
        return "not assigned to a character";
    }
    return "not allowed";
}

size_t precis_class_check(enum precis_class class, const ucs4_t *text, size_t len,
                          const char **reason) {
    for (size_t i = 0; i < len; i++) {
        *reason = problem_at(class, &(struct place){text, len, i});
        if (*reason != NULL) return i;
    }
    return len;
}

/* ---- Direction ---- */

static uint32_t bidi_bit(ucs4_t c) {
    return UINT32_C(1) << uc_bidi_class(c);
}

#define BIT(name) (UINT32_C(1) << UC_BIDI_##name)

bool precis_bidi_is_fine(const ucs4_t *text, size_t len) {
    const uint32_t right = BIT(R) | BIT(AL);
    const uint32_t either = BIT(EN) | BIT(ES) | BIT(CS) | BIT(ET) | BIT(ON) | BIT(BN) | BIT(NSM);
    uint32_t all = 0;
    for (size_t i = 0; i < len; i++) all |= bidi_bit(text[i]);
    if ((all & (right | BIT(AN))) == 0) return true;
    size_t last = len - 1;
    while (last > 0 && bidi_bit(text[last]) == BIT(NSM)) last--;
    uint32_t first = bidi_bit(text[0]), end = bidi_bit(text[last]);
    if ((first & right) != 0)
        return (all & ~(right | BIT(AN) | either)) == 0 &&
               (end & (right | BIT(EN) | BIT(AN))) != 0 &&
               (all & (BIT(EN) | BIT(AN))) != (BIT(EN) | BIT(AN));
    return first == BIT(L) && (all & ~(BIT(L) | either)) == 0 && (end & (BIT(L) | BIT(EN))) != 0;
}
