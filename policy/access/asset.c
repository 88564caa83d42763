#include "policy/access/asset.h"

#include "policy/access/urlpath.h"

/* Other fields are left behind: what says how long to keep (Cache-Control, Pragma, Expires, Age,
 * Date) is the gate's to say, and what redirects or names another place makes an answer no asset.
 */
static const struct str kept_fields[] = {
#define FIELD(name)                                                                                \
    { name, sizeof(name) - 1 }
    FIELD("Content-Type"),
    FIELD("Content-Encoding"),
    FIELD("Content-Language"),
    FIELD("Content-Disposition"),
    FIELD("Content-Security-Policy"),
    FIELD("Last-Modified"),
    FIELD("Referrer-Policy"),
    FIELD("Vary"),
    FIELD("X-Content-Type-Options"),
    FIELD("X-Frame-Options"),
    FIELD("X-UA-Compatible"),
};

/* Each of them makes an answer one of a kind. */
static const struct str excluding_fields[] = {
    FIELD("Set-Cookie"),    FIELD("Location"),         FIELD("Refresh"),
    FIELD("Content-Range"), FIELD("Content-Location"),
#undef FIELD
};

static bool is_in(const struct str *list, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal_icase(list[i], name)) return true;
    }
    return false;
}

static bool is_static(const struct profile *profile, struct str path) {
    for (size_t i = 0; i < profile->static_count; i++) {
        if (urlpath_matches(profile->statics[i], path, profile->case_insensitive_paths))
            return true;
    }
    return false;
}

bool asset_is_asked(const struct profile *profile, const struct request_view *req,
                    struct str path) {
    bool reads = req->method == METHOD_GET || req->method == METHOD_HEAD;
    if (!reads || req->query.ptr != NULL || req->body != BODY_NONE) return false;
    if (request_header_count(req, STR("Range")) > 0 ||
        request_header_count(req, STR("If-Range")) > 0 ||
        request_header_count(req, STR("If-Match")) > 0 ||
        request_header_count(req, STR("If-Unmodified-Since")) > 0)
        return false;
    return is_static(profile, path);
}

bool asset_wants_fresh(const struct request_view *req) {
    for (size_t i = 0; i < req->header_count; i++) {
        struct str name = req->headers[i].name;
        struct str value = req->headers[i].value;
        bool control = str_equal_icase(name, STR("Cache-Control"));
        bool pragma = str_equal_icase(name, STR("Pragma"));
        if ((control || pragma) && str_list_has(value, STR("no-cache"))) return true;
        if (control && str_list_has(value, STR("no-store"))) return true;
    }
    return false;
}

static bool is_html(struct str type) {
    struct str essence = str_trim(str_part(type, 0, str_find(type, ';', 0)));
    return str_equal_icase(essence, STR("text/html")) ||
           str_equal_icase(essence, STR("application/xhtml+xml"));
}

/* Is every token of the list one of these two? */
static bool has_only(struct str list, struct str one, struct str other) {
    struct str piece;
    while (str_split(&list, ',', &piece)) {
        struct str token = str_trim(piece);
        if (token.len > 0 && !str_equal_icase(token, one) && !str_equal_icase(token, other))
            return false;
    }
    return true;
}

static bool field_allows(const struct header *h) {
    if (is_in(excluding_fields, ARRAY_LEN(excluding_fields), h->name)) return false;
    if (str_equal_icase(h->name, STR("Content-Type"))) return !is_html(h->value);
    if (str_equal_icase(h->name, STR("Vary")))
        return has_only(h->value, STR("Accept-Encoding"), STR_NONE);
    if (str_equal_icase(h->name, STR("Connection")))
        return has_only(h->value, STR("keep-alive"), STR("close"));
    return true;
}

bool asset_may_keep(unsigned status, const struct header *headers, size_t count) {
    if (status != 200) return false;
    for (size_t i = 0; i < count; i++) {
        if (!field_allows(&headers[i])) return false;
    }
    return true;
}

bool asset_keeps_field(struct str name) {
    return is_in(kept_fields, ARRAY_LEN(kept_fields), name);
}

/* RFC 9110 8.8.3.2, weakly: W/ does not count. */
static struct str opaque_tag(struct str tag) {
    return str_starts_with(tag, STR("W/")) ? str_part(tag, 2, tag.len) : tag;
}

static bool tag_is(struct str tag, struct str other) {
    return other.len > 0 && str_equal(opaque_tag(tag), opaque_tag(other));
}

/* A tag with a comma in it matches nothing: the whole answer is sent. */
static bool names_tag(struct str list, const struct asset_validators *validators) {
    struct str piece;
    while (str_split(&list, ',', &piece)) {
        struct str tag = str_trim(piece);
        if (str_equal(tag, STR("*")) || tag_is(tag, validators->tag) ||
            tag_is(tag, validators->phone_tag))
            return true;
    }
    return false;
}

bool asset_is_held(const struct request_view *req, const struct asset_validators *validators) {
    bool has_tags = false;
    for (size_t i = 0; i < req->header_count; i++) {
        if (!str_equal_icase(req->headers[i].name, STR("If-None-Match"))) continue;
        has_tags = true;
        if (names_tag(req->headers[i].value, validators)) return true;
    }
    if (has_tags || validators->last_modified.len == 0) return false;
    return str_equal(request_header(req, STR("If-Modified-Since")), validators->last_modified);
}
