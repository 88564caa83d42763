#include "certs/phone_client.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "certs/ssl_note.h"

/* Names that are looked at; a phone's certificate has one or two. */
#define NAMES_MAX 64

/* A certificate that does not verify is noted as such, twice over, and ends nothing: phones bring
 * their own one along to every server, and have other ways to prove themselves. */
static int on_verify(int good, X509_STORE_CTX *store) {
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (good != 1) ssl_note_refuse(ssl, "client_certificate_not_trusted");
    return 1;
}

bool phone_client_ask(struct server_tls *tls, const char *ca, char *error, size_t error_len) {
    static const unsigned char context[] = "phonegate phones";
    SSL_CTX *ctx = server_tls_ctx(tls);
    ERR_clear_error();
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca);
    if (names == NULL || SSL_CTX_load_verify_file(ctx, ca) != 1) {
        snprintf(error, error_len, "%s: no certificates of an authority", ca);
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        ERR_clear_error();
        return false;
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
           SSL_CTX_set_session_id_context(ctx, context, sizeof(context) - 1) == 1;
}

/* A name of a certificate: false where it is a MAC, but another one than before. */
static bool take_name(const ASN1_STRING *text, char mac[MAC_HEX], bool *found) {
    char one[MAC_HEX];
    struct str name = {(const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)};
    if (!mac_read(name, one)) return true;
    if (*found) return memcmp(one, mac, MAC_HEX) == 0;
    memcpy(mac, one, MAC_HEX);
    *found = true;
    return true;
}

static bool take_common_names(const X509 *certificate, char mac[MAC_HEX], bool *found) {
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = -1;
    for (int i = 0; i < NAMES_MAX; i++) {
        at = X509_NAME_get_index_by_NID(subject, NID_commonName, at);
        if (at < 0) return true;
        if (!take_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), mac, found))
            return false;
    }
    return false;
}

static bool take_dns_names(const X509 *certificate, char mac[MAC_HEX], bool *found) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
    bool good = count <= NAMES_MAX;
    for (int i = 0; i < count && good; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS) good = take_name(name->d.dNSName, mac, found);
    }
    GENERAL_NAMES_free(names);
    return good;
}

bool phone_client_mac(const SSL *ssl, char mac[MAC_HEX]) {
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    bool found = false;
    bool good = certificate != NULL && SSL_get_verify_result(ssl) == X509_V_OK &&
                server_tls_refusal(ssl) == NULL && !SSL_session_reused((SSL *)(uintptr_t)ssl) &&
                take_common_names(certificate, mac, &found) &&
                take_dns_names(certificate, mac, &found);
    X509_free(certificate);
    return good && found;
}
