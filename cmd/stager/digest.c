#include "stager.h"
#include <pthread.h>
#include "text/sum.h"
#ifdef HAVE_OPENSSL
#include <openssl/evp.h>
#endif

#define BESIDE_MIN (64 * 1024) /* below this handing over costs more than adding */
#define BLOCKS 8

enum algorithm { SHA256, MD5, ADLER32, CRC32C };

static const struct {
    const char *name;
    size_t digits;
} algorithms[] = {
    [SHA256] = {"sha256", 64},
    [MD5] = {"md5", 32},
    [ADLER32] = {"adler32", 8},
    [CRC32C] = {"crc32c", 8},
};

static int algorithm_of(const char *sum)
{
    for (size_t i = 0; sum && i < COUNT(algorithms); i++)
        if (str_begins(sum, algorithms[i].name) && sum[strlen(algorithms[i].name)] == ':')
            return (int)i;
    return -1;
}

char *checksum_parse(const char *text)
{
    own(str_fini) char *sum = str_new(text);
    for (char *c = sum; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    int a = algorithm_of(sum);
    const char *hex = a < 0 ? "" : strchr(sum, ':') + 1;
    bool good = a >= 0 && strlen(hex) == algorithms[a].digits &&
                strspn(hex, "0123456789abcdef") == strlen(hex);
    return good ? move(sum) : NULL;
}

#ifdef HAVE_OPENSSL

/* The sums of large files are taken by a thread of their own, beside reading and writing: the
 * blocks are a ring, so that neither side waits for the other as long as both are equally fast. */
struct digest {
    EVP_MD_CTX *sha;
    EVP_MD_CTX *md5; /* NULL unless it is wanted */
    enum algorithm other;
    uint32_t sum;
    char *blocks[BLOCKS]; /* made when they are asked for */
    size_t length[BLOCKS];
    unsigned given, added; /* blocks, ever; `added` is the thread's */
    unsigned awaited; /* who gives them waits until no more than so many are left; BLOCKS: not */
    bool threaded, ending;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more, less;
};

static char *spare; /* a block: the next may need no other */

/* To look an algorithm up takes longer than to digest a small file, so it is done once. */
static EVP_MD_CTX *begin(enum algorithm a)
{
    static EVP_MD_CTX *fresh[COUNT(algorithms)];
    if (!fresh[a]) {
        const EVP_MD *md = EVP_get_digestbyname(algorithms[a].name);
        EVP_MD_CTX *first = EVP_MD_CTX_new();
        if (!md || !first || EVP_DigestInit_ex(first, md, NULL) != 1) {
            EVP_MD_CTX_free(first);
            return NULL;
        }
        fresh[a] = first;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx && EVP_MD_CTX_copy_ex(ctx, fresh[a]) == 1)
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

struct digest *digest_new(const char *want, struct fault *f)
{
    struct digest *d = mem_new(sizeof(*d));
    int other = algorithm_of(want);
    d->other = other < 0 ? SHA256 : (enum algorithm)other;
    d->sum = d->other == ADLER32 ? SUM_ADLER32_START : 0;
    d->sha = begin(SHA256);
    if (d->other == MD5)
        d->md5 = begin(MD5);
    if (d->sha && (d->other != MD5 || d->md5))
        return d;
    /* a system in FIPS mode has no md5 */
    fault_set(f, REASON_MISSING, false, "this system's OpenSSL offers no %s; give a sha256",
              d->sha ? "md5" : "sha256");
    digest_free(d);
    return NULL;
}

static void add(struct digest *d, const void *bytes, size_t n)
{
    EVP_DigestUpdate(d->sha, bytes, n);
    if (d->other == MD5)
        EVP_DigestUpdate(d->md5, bytes, n);
    else if (d->other == ADLER32)
        d->sum = sum_adler32(d->sum, bytes, n);
    else if (d->other == CRC32C)
        d->sum = sum_crc32c(d->sum, bytes, n);
}

static void *adder(void *self)
{
    struct digest *d = self;
    pthread_mutex_lock(&d->lock);
    for (;;) {
        while (d->added == d->given && !d->ending)
            pthread_cond_wait(&d->more, &d->lock);
        if (d->ending)
            break;
        unsigned i = d->added % BLOCKS;
        pthread_mutex_unlock(&d->lock);
        add(d, d->blocks[i], d->length[i]);
        pthread_mutex_lock(&d->lock);
        d->added++;
        if (d->given - d->added == d->awaited)
            pthread_cond_signal(&d->less);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* Until no more than so many blocks are left to add. */
static void wait_for(struct digest *d, unsigned left)
{
    if (!d->threaded)
        return;
    pthread_mutex_lock(&d->lock);
    d->awaited = left;
    while (d->given - d->added > left)
        pthread_cond_wait(&d->less, &d->lock);
    d->awaited = BLOCKS;
    pthread_mutex_unlock(&d->lock);
}

/* Signals are for the first thread, whose calls they shall interrupt. */
static bool start_thread(struct digest *d)
{
    sigset_t all, old;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->more, NULL);
    pthread_cond_init(&d->less, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    d->threaded = pthread_create(&d->thread, NULL, adder, d) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return d->threaded;
}

char *digest_block(struct digest *d)
{
    char **block = &d->blocks[d->given % BLOCKS];
    wait_for(d, BLOCKS - 1);
    if (!*block)
        *block = spare ? spare : mem_grow(NULL, DIGEST_BLOCK, 1);
    if (*block == spare)
        spare = NULL;
    return *block;
}

void digest_add(struct digest *d, const void *bytes, size_t n)
{
    unsigned i = d->given % BLOCKS;
    if (bytes != d->blocks[i] || n < BESIDE_MIN || !(d->threaded || start_thread(d))) {
        wait_for(d, 0);
        add(d, bytes, n);
        return;
    }
    d->length[i] = n;
    pthread_mutex_lock(&d->lock);
    bool idle = d->given++ == d->added;
    pthread_mutex_unlock(&d->lock);
    if (idle)
        pthread_cond_signal(&d->more);
}

static void print(EVP_MD_CTX *ctx, enum algorithm a, char checksum[CHECKSUM_TEXT])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_DigestFinal_ex(ctx, bytes, &n);
    char *at = checksum + snprintf(checksum, CHECKSUM_TEXT, "%s:", algorithms[a].name);
    for (unsigned i = 0; i < n; i++) {
        *at++ = "0123456789abcdef"[bytes[i] >> 4];
        *at++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *at = '\0';
}

static void print_other(struct digest *d, char other[CHECKSUM_TEXT])
{
    wait_for(d, 0);
    if (d->other == MD5)
        print(d->md5, MD5, other);
    else
        snprintf(other, CHECKSUM_TEXT, "%s:%08" PRIx32, algorithms[d->other].name, d->sum);
}

char *digest_other(struct digest *d)
{
    char other[CHECKSUM_TEXT] = "";
    if (d->other != SHA256)
        print_other(d, other);
    return str_new(other);
}

bool digest_end(struct digest *d, const char *want, char checksum[CHECKSUM_TEXT])
{
    char other[CHECKSUM_TEXT];
    wait_for(d, 0);
    print(d->sha, SHA256, checksum);
    if (d->other == SHA256)
        snprintf(other, sizeof(other), "%s", checksum);
    else
        print_other(d, other);
    return !want || str_same(want, other);
}

void digest_free(struct digest *d)
{
    if (!d)
        return;
    if (d->threaded) {
        pthread_mutex_lock(&d->lock);
        d->ending = true;
        pthread_cond_signal(&d->more);
        pthread_mutex_unlock(&d->lock);
        pthread_join(d->thread, NULL);
        pthread_mutex_destroy(&d->lock);
        pthread_cond_destroy(&d->more);
        pthread_cond_destroy(&d->less);
    }
    if (!spare)
        spare = move(d->blocks[0]);
    for (int i = 0; i < BLOCKS; i++)
        free(d->blocks[i]);
    EVP_MD_CTX_free(d->sha);
    EVP_MD_CTX_free(d->md5);
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

char *digest_block(struct digest *d)
{
    (void)d;
    return NULL;
}

void digest_add(struct digest *d, const void *bytes, size_t n)
{
    (void)d, (void)bytes, (void)n;
}

char *digest_other(struct digest *d)
{
    (void)d;
    return NULL;
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
