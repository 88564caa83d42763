/* markup.h: entities of HTML and XML, undone once.
 *
 * Only what has one meaning is undone; where two readers could differ the text is refused. */
#ifndef POLICY_HARDEN_MARKUP_H
#define POLICY_HARDEN_MARKUP_H

#include "policy/base/arena.h"

enum markup_mode {
    MARKUP_XML,  /* every '&' begins a known entity */
    MARKUP_HTML, /* a '&' that begins nothing stands for itself, as in most links of phones */
};

enum markup_verdict { MARKUP_OK, MARKUP_MALFORMED, MARKUP_NO_MEMORY };

/* Undo &amp; &lt; &gt; &quot; &apos; &nbsp; (HTML) and numbers; a number that is no character or a
 * control character other than TAB, LF and CR is malformed, so is an unknown name. `out` is `raw`
 * itself where there is nothing to undo, else in the arena. */
MUST_USE enum markup_verdict markup_decode(struct str raw, enum markup_mode mode,
                                           struct arena *arena, struct str *out);

/* Blank, TAB, LF, CR, FF. */
bool markup_is_space(char c);

#endif
