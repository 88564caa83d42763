#include "proxy/config/loader.h"

static const config_setting_t *member(struct loader *l, const char *key) {
    return reader_at(l->root, key);
}

/* Texts to addresses; those that are wrong are reported and left out. */
static size_t parse_listen(struct loader *l, const char *group, const struct str *texts,
                           size_t count, const struct config_address **listen) {
    struct config_address *list = reader_alloc(&l->reader, count, sizeof(*list));
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        list[good].text = texts[i];
        if (hostport_address(texts[i], &list[good]))
            good++;
        else
            reader_error(&l->reader, reader_at_element(member(l, group), "listen", i),
                         "\"%.80s\" is no address to listen on: write \"192.0.2.1:8443\" or "
                         "\"[2001:db8::1]:8443\"",
                         texts[i].ptr);
    }
    *listen = list;
    return good;
}

static void check_overlap(struct loader *l, const char *group, const struct config_address *mine,
                          size_t count, const struct config_address *others, size_t other_count) {
    for (size_t i = 0; i < count; i++) {
        size_t limit = mine == others ? i : other_count;
        for (size_t k = 0; k < limit; k++)
            if (hostport_overlap(&mine[i], &others[k]))
                reader_error(&l->reader, reader_at_element(member(l, group), "listen", i),
                             "\"%s\" and \"%s\" cannot both be listened on", others[k].text.ptr,
                             mine[i].text.ptr);
    }
}

static void check_listeners(struct loader *l) {
    struct draft *draft = &l->snapshot->draft;
    struct config *config = &l->snapshot->config;
    config->https.listen_count = parse_listen(l, "https", draft->https_listen,
                                              draft->https_listen_count, &config->https.listen);
    config->http.listen_count =
        parse_listen(l, "http", draft->http_listen, draft->http_listen_count, &config->http.listen);
    config->provisioning.listen_count =
        parse_listen(l, "provisioning", draft->provisioning.listen,
                     draft->provisioning.listen_count, &config->provisioning.listen);
    const struct config_address *status = NULL;
    config->status.enabled =
        parse_listen(l, "status", &draft->status_listen, draft->status_listen.len > 0, &status) > 0;
    if (config->status.enabled) config->status.listen = *status;
    const struct config_address *https = config->https.listen, *http = config->http.listen;
    size_t https_count = config->https.listen_count, http_count = config->http.listen_count;
    check_overlap(l, "https", https, https_count, https, https_count);
    check_overlap(l, "http", http, http_count, http, http_count);
    check_overlap(l, "http", http, http_count, https, https_count);
    const struct config_provisioning *p = &config->provisioning;
    check_overlap(l, "provisioning", p->listen, p->listen_count, p->listen, p->listen_count);
    check_overlap(l, "provisioning", p->listen, p->listen_count, https, https_count);
    check_overlap(l, "provisioning", p->listen, p->listen_count, http, http_count);
    if (!config->status.enabled) return;
    check_overlap(l, "status", status, 1, https, https_count);
    check_overlap(l, "status", status, 1, http, http_count);
    check_overlap(l, "status", status, 1, p->listen, p->listen_count);
}

static void check_networks(struct loader *l) {
    struct draft *draft = &l->snapshot->draft;
    struct config *config = &l->snapshot->config;
    size_t count = draft->proxy_protocol_count;
    struct config_network *list = reader_alloc(&l->reader, count, sizeof(*list));
    for (size_t i = 0; i < count; i++)
        if (!hostport_network(draft->proxy_protocol[i], &list[i]))
            reader_error(&l->reader,
                         reader_at_element(member(l, "https"), "proxy_protocol_from", i),
                         "\"%.80s\" is no address or network: write \"192.0.2.5\" or "
                         "\"192.0.2.0/24\"",
                         draft->proxy_protocol[i].ptr);
    config->https.proxy_protocol_from = list;
    config->https.proxy_protocol_count = count;
}

void load_listeners(struct loader *l) {
    check_listeners(l);
    check_networks(l);
}
