/* params.h: every parameter a phone could read out of a query or a body, under any reading (U05,
 * U06).
 *
 * Phones differ: some split at '&', some at ';' as well, some take the last value, some decode
 * before they split, some ignore case, some ignore the Content-Type. So all readings are listed and
 * nobody guesses which one a phone takes. A name may stand in the list more than once, with the
 * same value or another. A list that is too long (an allow rule then fails to match) is safe, one
 * that is too short is not. */
#ifndef POLICY_ACCESS_PARAMS_H
#define POLICY_ACCESS_PARAMS_H

#include "policy/base/arena.h"
#include "policy/base/request.h"

enum params_verdict {
    PARAMS_OK,
    PARAMS_BAD_ESCAPE,   /* a '%' without two hex digits in a name */
    PARAMS_AMBIGUOUS,    /* a control octet, a backslash, non-ASCII or a double escape in a name */
    PARAMS_UNKNOWN_BODY, /* a body of a type that is not read here */
    PARAMS_NO_MEMORY,
};

enum param_value {
    PARAM_VALUE_NONE,    /* a name alone: for some readers an empty value, for others none */
    PARAM_VALUE_TEXT,    /* `value` is what every reader of this kind sees */
    PARAM_VALUE_UNCLEAR, /* a broken or double escape, a control octet, what is not UTF-8, several
                            lines, ...: readers see different things, so nobody may rely on `value`
                          */
};

struct param {
    struct str name;  /* decoded once, blanks at the ends removed, case as sent; in the arena or a
                         slice of the text */
    struct str value; /* the same; empty with NONE */
    enum param_value kind;
    bool plain; /* what an ordinary reader sees; never a piece of some value, so it may be recorded
                 */
};

/* Start with {0}. */
struct params {
    struct param *list;
    size_t count;
    size_t capacity;
};

/* Add every parameter in `text` (a query or an urlencoded body): split at '&', at ';', at both, and
 * decoded before that; '+' in a value is a blank and a plus. An empty text adds none; "&&" adds
 * none; "=x" adds the empty name. `text` must live as long as the list. Where only ';' separates,
 * values that hold a '&' are not listed: such a reader could read no form at all, and the name is
 * there anyway. */
MUST_USE enum params_verdict params_add_urlencoded(struct params *params, struct str text,
                                                   struct arena *arena);

/* The same where nobody promised that `text` is urlencoded: bad escapes and control octets in names
 * are left as they are, and `plain` says whether its parameters are. False when the arena is used
 * up. */
MUST_USE bool params_add_loose(struct params *params, struct str text, bool plain,
                               struct arena *arena);

/* One parameter. A flag behind its name, as the text form of settings has it ("name$"), gives the
 * bare name as well. False when the arena is used up. */
MUST_USE bool params_add(struct params *params, struct param param, struct arena *arena);

/* The same with a value that nothing has encoded. */
MUST_USE bool params_add_text(struct params *params, struct str name, struct str value, bool plain,
                              struct arena *arena);

/* Does `s` hold one of the characters of `set` (NUL-terminated)? */
bool params_has_any(struct str s, const char *set);
/* ... an octet below 0x20, or 0x7f? */
bool params_has_control(struct str s);
/* ... one of these, a backslash, or an octet above 0x7f? No phone's form has such a name, but
 * readers that undo overlong UTF-8, fold case beyond ASCII or skip a byte order mark would see
 * another one. */
bool params_name_is_odd(struct str name);

enum params_body {
    PARAMS_BODY_UNKNOWN, /* no type, or one that is not read here: nobody can say what it holds */
    PARAMS_BODY_URLENCODED,
    PARAMS_BODY_PLAIN,     /* lines "name:value", as Snom phones take them */
    PARAMS_BODY_MULTIPART, /* multipart/form-data */
};

/* The kind of a body of this Content-Type; a charset other than UTF-8, US-ASCII or ISO-8859-1 makes
 * it unknown. */
enum params_body params_body_kind(struct str content_type);

/* Add every field of a body of this Content-Type, and what the other kinds' readings would find in
 * it as well: a phone may ignore the type. With UNKNOWN_BODY the names are added all the same. */
MUST_USE enum params_verdict params_add_body(struct params *params, struct str content_type,
                                             struct str body, struct arena *arena);
const char *params_verdict_str(enum params_verdict verdict);

#endif
