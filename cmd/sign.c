#include "sign.h"

#ifdef HAVE_OPENSSL
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define PREFIX "whsec_"

/* The bytes of a key; what is no base64 behind the prefix is meant as it stands. */
static size_t key_bytes(const char *key, unsigned char *bytes)
{
    const size_t n = strlen(key);
    const char *coded = str_begins(key, PREFIX) ? key + strlen(PREFIX) : NULL;
    int len = coded ? EVP_DecodeBlock(bytes, (const unsigned char *)coded, (int)strlen(coded)) : -1;
    for (const char *end = key + n; len > 0 && end > coded && end[-1] == '='; end--)
        len--;
    if (len <= 0)
        memcpy(bytes, key, n);
    return len > 0 ? (size_t)len : n;
}

char *sign_body(const char *key, const char *id, const char *time, const char *body)
{
    unsigned char sum[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
    unsigned char *bytes = mem_new(strlen(key) + 4);
    unsigned len = 0;
    own(str_fini) char *content = str_print("%s.%s.%s", id, time, body);
    const size_t n = key_bytes(key, bytes);
    HMAC(EVP_sha256(), bytes, (int)n, (const unsigned char *)content, strlen(content), sum, &len);
    EVP_EncodeBlock(text, sum, (int)len);
    free(bytes);
    return str_print("v1,%s", text);
}
#else
char *sign_body(const char *key, const char *id, const char *time, const char *body)
{
    (void)key, (void)id, (void)time, (void)body;
    return NULL;
}
#endif
