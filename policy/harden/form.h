/* form.h: the form of a page that holds a setting, as a browser would send it back.
 *
 * No name of a hidden field and no path is known here: the form is found by the setting's own
 * field, every other field goes back as it was found. Where the page leaves a doubt the answer is
 * no: sending a wrong form to a phone is worse than sending none. */
#ifndef POLICY_HARDEN_FORM_H
#define POLICY_HARDEN_FORM_H

#include "policy/base/arena.h"
#include "policy/base/outbuf.h"

#define FORM_PAGE_MAX   524288  /* octets of a page */
#define FORM_FIELDS_MAX 512     /* controls and options of one form */
#define FORM_LINKS_MAX  256     /* of one page */
#define FORM_TARGET_MAX 1024    /* octets of a path with its query */
#define FORM_ARENA      2097152 /* what reading one page can need at most */

enum form_verdict {
    FORM_OK,
    FORM_NOT_FOUND,   /* no form holds the field */
    FORM_AMBIGUOUS,   /* two forms hold it, or one holds it twice */
    FORM_UNSUPPORTED, /* it sends files, or in another way than a plain form */
    FORM_MALFORMED,
    FORM_TOO_BIG,
    FORM_NO_MEMORY,
};

enum form_kind {
    FORM_TEXT, /* and everything else that is one line of text: password, number ... */
    FORM_HIDDEN,
    FORM_TEXTAREA,
    FORM_CHECKBOX,
    FORM_RADIO,
    FORM_OPTION, /* of a select: one field each, with the select's name */
    FORM_SUBMIT, /* sent only where it is the one that is pressed */
    FORM_OTHER,  /* never sent: reset, button */
};

struct form_field {
    struct str name, value;
    enum form_kind kind;
    bool on;        /* goes along: checked, selected, or a kind that always does */
    bool fixed;     /* disabled or read-only: it cannot be set */
    bool password;  /* its value is not shown, and what stands there may be a mask */
    uint16_t group; /* of options: one select each */
    size_t
        longest; /* what a person could type at most (maxlength), in octets; SIZE_MAX: no limit */
};

struct form {
    struct str action; /* as found; empty: the page itself */
    bool post;         /* false: GET */
    struct form_field *fields;
    size_t count;
};

/* Find the form with a control named `name`, exactly, hidden ones and buttons aside. The slices
 * point into `page` and the arena. */
MUST_USE enum form_verdict form_find(struct str page, struct str name, struct arena *arena,
                                     struct form *form);

/* The same for a submit button named `name`: forms that ask nothing, such as the one that restarts.
 */
MUST_USE enum form_verdict form_find_button(struct str page, struct str name, struct arena *arena,
                                            struct form *form);

/* Give the control `name` a value as a person would: options, radio buttons and checkboxes can only
 * take values that they offer; a text must fit maxlength, or the phone may keep half of a password;
 * a checkbox that does not offer `value` is cleared for "off", "0" and
 * "". False, and nothing changed, where it cannot be done for certain. */
MUST_USE bool form_set(struct form *form, struct str name, struct str value);

/* The value that goes along for `name`; .ptr is NULL where none does. */
struct str form_value(const struct form *form, struct str name);

/* The submit button with this value (any name), without case; NULL where there is none or several
 * that differ. */
const struct form_field *form_button(const struct form *form, struct str value);

/* Write the body (application/x-www-form-urlencoded) with `button` pressed (NULL: none). Read
 * out->full. */
void form_write(const struct form *form, const struct form_field *button, struct outbuf *out);

struct form_links {
    struct str *items; /* as found, entities undone */
    size_t count;
};

/* Where a page leads to: a, area and frames. */
MUST_USE enum form_verdict form_links(struct str page, struct arena *arena,
                                      struct form_links *links);

/* The target on the same phone that `link`, found on the page `base` (a target itself), stands for:
 * path and query without fragment, dot segments resolved. False for other hosts and schemes, and
 * for anything with control characters, blanks, backslashes or more than FORM_TARGET_MAX octets. */
MUST_USE bool form_target(struct str base, struct str link, struct outbuf *out);

const char *form_verdict_str(enum form_verdict verdict);

#endif
