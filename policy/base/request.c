#include "policy/base/request.h"

struct str request_header(const struct request_view *req, struct str name) {
    for (size_t i = 0; i < req->header_count; i++) {
        if (str_equal_icase(req->headers[i].name, name)) return req->headers[i].value;
    }
    return STR_NONE;
}

size_t request_header_count(const struct request_view *req, struct str name) {
    size_t count = 0;
    for (size_t i = 0; i < req->header_count; i++) {
        if (str_equal_icase(req->headers[i].name, name)) count++;
    }
    return count;
}

static const struct str names[METHODS] = {
    [METHOD_GET] = {"GET", 3},       [METHOD_HEAD] = {"HEAD", 4},
    [METHOD_POST] = {"POST", 4},     [METHOD_PUT] = {"PUT", 3},
    [METHOD_DELETE] = {"DELETE", 6}, [METHOD_OPTIONS] = {"OPTIONS", 7},
    [METHOD_PATCH] = {"PATCH", 5},
};

struct str method_name(enum method method) {
    return names[method];
}

bool method_from(struct str name, enum method *method) {
    for (size_t i = 0; i < METHODS; i++) {
        if (str_equal(names[i], name)) {
            *method = (enum method)i;
            return true;
        }
    }
    return false;
}

bool method_is_safe(enum method method) {
    return method == METHOD_GET || method == METHOD_HEAD || method == METHOD_OPTIONS;
}
