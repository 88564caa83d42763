#include "policy/access/origin.h"

#include "policy/access/route.h"
#include "policy/access/urlpath.h"

enum { SITE, ORIGIN, REFERER, MODE, DEST, FIELDS };

struct field {
    struct str value; /* of the first */
    unsigned count;
};

static void gather(const struct request_view *req, struct field fields[FIELDS]) {
    static const struct str names[FIELDS] = {
        [SITE] = {"Sec-Fetch-Site", 14}, [ORIGIN] = {"Origin", 6},
        [REFERER] = {"Referer", 7},      [MODE] = {"Sec-Fetch-Mode", 14},
        [DEST] = {"Sec-Fetch-Dest", 14},
    };
    for (size_t i = 0; i < req->header_count; i++) {
        const struct header *header = &req->headers[i];
        for (size_t f = 0; f < FIELDS; f++) {
            if (!str_equal_icase(header->name, names[f])) continue;
            if (fields[f].count++ == 0) fields[f].value = header->value;
        }
    }
}

static bool is(const struct field *field, struct str word) {
    return field->count == 1 && str_equal(field->value, word);
}

/* "none": nobody's page; a person typed the address or opened a bookmark. */
static enum origin_sign site_says(const struct field *site) {
    if (site->count == 0) return ORIGIN_SIGN_ABSENT;
    if (is(site, STR("same-origin")) || is(site, STR("none"))) return ORIGIN_SIGN_OURS;
    if (is(site, STR("same-site")) || is(site, STR("cross-site"))) return ORIGIN_SIGN_OTHER;
    return ORIGIN_SIGN_MALFORMED;
}

static const struct str https = {"https://", 8};

static bool is_own_authority(const struct request_view *req, struct str authority) {
    struct str own = route_authority(req->authority);
    return own.len > 0 && str_equal_icase(route_authority(authority), own);
}

static enum origin_sign origin_says(const struct request_view *req, const struct field *origin) {
    if (origin->count == 0) return ORIGIN_SIGN_ABSENT;
    if (origin->count > 1 || origin->value.len == 0) return ORIGIN_SIGN_MALFORMED;
    if (str_equal(origin->value, STR("null"))) return ORIGIN_SIGN_NULL;
    bool ours = str_starts_with_icase(origin->value, https) &&
                is_own_authority(req, str_part(origin->value, https.len, origin->value.len));
    return ours ? ORIGIN_SIGN_OURS : ORIGIN_SIGN_OTHER;
}

/* Is a page at this path of our shared origin one of the place itself? */
static enum origin_sign path_says(struct str path, const struct origin_place *place,
                                  struct arena *arena) {
    struct urlpath canonical;
    struct str id;
    struct str rest;
    path.len = str_find(path, '?', 0);
    if (path.len == 0) return ORIGIN_SIGN_OURS;
    if (urlpath_canonical(path, arena, &canonical) != URLPATH_OK) return ORIGIN_SIGN_MALFORMED;
    if (!route_split(canonical.decoded, &id, &rest)) return ORIGIN_SIGN_OURS;
    return str_equal(id, place->phone) ? ORIGIN_SIGN_OURS : ORIGIN_SIGN_OTHER;
}

static enum origin_sign referer_says(const struct request_view *req, const struct field *referer,
                                     const struct origin_place *place, struct arena *arena) {
    if (referer->count == 0) return ORIGIN_SIGN_ABSENT;
    if (referer->count > 1 || referer->value.len == 0) return ORIGIN_SIGN_MALFORMED;
    if (!str_starts_with_icase(referer->value, https)) return ORIGIN_SIGN_OTHER;
    struct str rest = str_part(referer->value, https.len, referer->value.len);
    struct str authority = str_part(rest, 0, str_find(rest, '/', 0));
    if (!is_own_authority(req, authority)) return ORIGIN_SIGN_OTHER;
    if (!place->shared) return ORIGIN_SIGN_OURS;
    return path_says(str_part(rest, authority.len, rest.len), place, arena);
}

/* Scheme and authority only: paths and queries of other sites are nobody's business here. */
static struct str site_of(struct str url) {
    size_t colon = str_find(url, ':', 0);
    if (!str_equal(str_part(url, colon, 3), STR("://"))) return STR_NONE;
    size_t end = colon + 3;
    while (end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?' && url.ptr[end] != '#')
        end++;
    struct str site = str_part(url, 0, end);
    return str_find(site, '@', 0) < site.len ? STR_NONE : site;
}

/* Nothing contradicts itself, and the browser says that a person opens a page. Browsers that know
 * no Sec-Fetch send Origin where a script asks and no link does; a Referer alone may be a link's.
 */
static bool is_navigation(const struct field fields[FIELDS], const struct origin *found) {
    if (!found->plain || found->site == ORIGIN_SIGN_MALFORMED ||
        found->origin == ORIGIN_SIGN_MALFORMED || found->referer == ORIGIN_SIGN_MALFORMED)
        return false;
    if (found->site != ORIGIN_SIGN_ABSENT)
        return is(&fields[MODE], STR("navigate")) && is(&fields[DEST], STR("document"));
    return fields[MODE].count == 0 && fields[DEST].count == 0 &&
           found->origin == ORIGIN_SIGN_ABSENT;
}

static bool is_other(enum origin_sign sign) {
    return sign == ORIGIN_SIGN_OTHER || sign == ORIGIN_SIGN_MALFORMED;
}

static enum origin_verdict judge(const struct field fields[FIELDS], const struct origin *found) {
    /* A browser that sends one Sec-Fetch field sends them all. */
    bool torn = fields[SITE].count == 0 && (fields[MODE].count > 0 || fields[DEST].count > 0);
    if (torn || is_other(found->site) || is_other(found->origin) || is_other(found->referer))
        return is_navigation(fields, found) ? ORIGIN_NAVIGATION : ORIGIN_OTHER_SITE;
    if (found->origin == ORIGIN_SIGN_NULL) return ORIGIN_NULL;
    bool silent = found->site == ORIGIN_SIGN_ABSENT && found->origin == ORIGIN_SIGN_ABSENT &&
                  found->referer == ORIGIN_SIGN_ABSENT;
    return silent ? ORIGIN_SILENT : ORIGIN_OURS;
}

void origin_check(const struct request_view *req, const struct origin_place *place,
                  struct arena *arena, struct origin *found) {
    struct field fields[FIELDS] = {0};
    gather(req, fields);
    *found = (struct origin){
        .site = site_says(&fields[SITE]),
        .origin = origin_says(req, &fields[ORIGIN]),
        .referer = referer_says(req, &fields[REFERER], place, arena),
        .plain = (req->method == METHOD_GET || req->method == METHOD_HEAD) &&
                 req->body == BODY_NONE && req->query.len == 0,
    };
    if (found->origin == ORIGIN_SIGN_OTHER)
        found->from = site_of(fields[ORIGIN].value);
    else if (found->referer == ORIGIN_SIGN_OTHER)
        found->from = site_of(fields[REFERER].value);
    found->verdict = judge(fields, found);
}

bool origin_may_ask(const struct origin *found) {
    switch (found->verdict) {
    case ORIGIN_OURS:
    case ORIGIN_SILENT:
        return true;
    case ORIGIN_NAVIGATION:
    case ORIGIN_NULL:
        return found->plain;
    case ORIGIN_UNCHECKED:
    case ORIGIN_OTHER_SITE:
        return false;
    }
    return false;
}

const char *origin_verdict_str(enum origin_verdict verdict) {
    switch (verdict) {
    case ORIGIN_UNCHECKED:
        return "unchecked";
    case ORIGIN_OURS:
        return "ours";
    case ORIGIN_NAVIGATION:
        return "navigation";
    case ORIGIN_OTHER_SITE:
        return "other_site";
    case ORIGIN_NULL:
        return "null";
    case ORIGIN_SILENT:
        return "silent";
    }
    return "unknown";
}

const char *origin_sign_str(enum origin_sign sign) {
    switch (sign) {
    case ORIGIN_SIGN_ABSENT:
        return "absent";
    case ORIGIN_SIGN_OURS:
        return "ours";
    case ORIGIN_SIGN_NULL:
        return "null";
    case ORIGIN_SIGN_OTHER:
        return "other";
    case ORIGIN_SIGN_MALFORMED:
        return "malformed";
    }
    return "unknown";
}
