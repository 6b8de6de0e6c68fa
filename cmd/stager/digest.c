#include "stager.h"
#ifdef HAVE_OPENSSL
#include <openssl/evp.h>
#endif

static const struct {
    const char *name;
    size_t digits;
} algorithms[] = {{"sha256", 64}, {"md5", 32}};

char *checksum_parse(const char *text)
{
    own(str_fini) char *sum = str_new(text);
    for (char *c = sum; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    for (size_t i = 0; i < COUNT(algorithms); i++) {
        size_t n = strlen(algorithms[i].name);
        if (!str_begins(sum, algorithms[i].name) || sum[n] != ':')
            continue;
        const char *hex = sum + n + 1;
        if (strlen(hex) == algorithms[i].digits && strspn(hex, "0123456789abcdef") == strlen(hex))
            return move(sum);
    }
    return NULL;
}

#ifdef HAVE_OPENSSL

struct digest {
    EVP_MD_CTX *sha;
    EVP_MD_CTX *other; /* NULL unless something else than sha256 is wanted */
};

static EVP_MD_CTX *begin(const char *name)
{
    const EVP_MD *md = EVP_get_digestbyname(name);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (md && ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1)
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

struct digest *digest_new(const char *want, struct fault *f)
{
    struct digest *d = mem_new(sizeof(*d));
    d->sha = begin("sha256");
    bool md5 = want && str_begins(want, "md5:");
    if (md5)
        d->other = begin("md5");
    if (d->sha && (!md5 || d->other))
        return d;
    /* a system in FIPS mode has no md5 */
    fault_set(f, REASON_MISSING, false, "this system's OpenSSL offers no %s; give a sha256",
              d->sha ? "md5" : "sha256");
    digest_free(d);
    return NULL;
}

void digest_add(struct digest *d, const void *bytes, size_t n)
{
    EVP_DigestUpdate(d->sha, bytes, n);
    if (d->other)
        EVP_DigestUpdate(d->other, bytes, n);
}

static void print(EVP_MD_CTX *ctx, const char *name, char checksum[CHECKSUM_TEXT])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_DigestFinal_ex(ctx, bytes, &n);
    int at = snprintf(checksum, CHECKSUM_TEXT, "%s:", name);
    for (unsigned i = 0; i < n; i++)
        at += snprintf(checksum + at, CHECKSUM_TEXT - (size_t)at, "%02x", bytes[i]);
}

bool digest_end(struct digest *d, const char *want, char checksum[CHECKSUM_TEXT])
{
    char other[CHECKSUM_TEXT];
    print(d->sha, "sha256", checksum);
    if (d->other)
        print(d->other, "md5", other);
    return !want || str_same(want, d->other ? other : checksum);
}

void digest_free(struct digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->sha);
    EVP_MD_CTX_free(d->other);
    free(d);
}

#else

struct digest *digest_new(const char *want, struct fault *f)
{
    (void)want;
    fault_set(f, REASON_MISSING, false,
              "execdm-stage was built without OpenSSL and moves nothing it cannot checksum");
    return NULL;
}

void digest_add(struct digest *d, const void *bytes, size_t n)
{
    (void)d, (void)bytes, (void)n;
}

bool digest_end(struct digest *d, const char *want, char checksum[CHECKSUM_TEXT])
{
    (void)d, (void)want;
    checksum[0] = '\0';
    return false;
}

void digest_free(struct digest *d)
{
    (void)d;
}

#endif
