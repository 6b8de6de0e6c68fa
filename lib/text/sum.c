#include "text/sum.h"

#define PRIME 65521
#define RUN 5552 /* so many bytes before the sums could pass 32 bits (RFC 1950, 9) */

uint32_t sum_adler32(uint32_t sum, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint32_t a = sum & 0xffff, b = sum >> 16;
    while (n > 0) {
        size_t run = n < RUN ? n : RUN;
        n -= run;
        while (run-- > 0) {
            a += *p++;
            b += a;
        }
        a %= PRIME;
        b %= PRIME;
    }
    return b << 16 | a;
}

#define POLYNOMIAL 0x82f63b78 /* Castagnoli's, its bits turned round */

/* table[k][c]: what the byte c gives when k bytes of 0 follow it. */
static uint32_t table[8][256];

static void fill_table(void)
{
    for (uint32_t c = 0; c < 256; c++) {
        uint32_t r = c;
        for (int bit = 0; bit < 8; bit++)
            r = r & 1 ? r >> 1 ^ POLYNOMIAL : r >> 1;
        table[0][c] = r;
    }
    for (int k = 1; k < 8; k++)
        for (int c = 0; c < 256; c++)
            table[k][c] = table[k - 1][c] >> 8 ^ table[0][table[k - 1][c] & 255];
}

uint32_t sum_crc32c(uint32_t sum, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    if (!table[0][1])
        fill_table();
    sum = ~sum;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t first = sum ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                                (uint32_t)p[3] << 24);
        sum = table[7][first & 255] ^ table[6][first >> 8 & 255] ^ table[5][first >> 16 & 255] ^
              table[4][first >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
              table[0][p[7]];
    }
    while (n-- > 0)
        sum = sum >> 8 ^ table[0][(sum ^ *p++) & 255];
    return ~sum;
}

/* --- SHA-256, with the letters of FIPS 180-4 --- */

#define BLOCK 64

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void add_block(uint32_t H[8], const unsigned char *p)
{
    uint32_t W[64], v[8]; /* v: a to h */
    for (int t = 0; t < 16; t++, p += 4)
        W[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (int t = 16; t < 64; t++)
        W[t] = (turn(W[t - 2], 17) ^ turn(W[t - 2], 19) ^ W[t - 2] >> 10) + W[t - 7] +
               (turn(W[t - 15], 7) ^ turn(W[t - 15], 18) ^ W[t - 15] >> 3) + W[t - 16];
    memcpy(v, H, sizeof(v));
    for (int t = 0; t < 64; t++) {
        const uint32_t a = v[0], b = v[1], c = v[2], e = v[4];
        const uint32_t T1 = v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
                            ((e & v[5]) ^ (~e & v[6])) + K[t] + W[t];
        const uint32_t T2 =
            (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        memmove(v + 1, v, 7 * sizeof(*v));
        v[4] += T1;
        v[0] = T1 + T2;
    }
    for (int i = 0; i < 8; i++)
        H[i] += v[i];
}

void sum_sha256(const void *bytes, size_t n, char hex[SUM_SHA256_TEXT])
{
    uint32_t H[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const unsigned char *p = bytes;
    unsigned char last[2 * BLOCK] = {0};
    size_t left = n;
    for (; left >= BLOCK; left -= BLOCK, p += BLOCK)
        add_block(H, p);
    const size_t end = left + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    if (left > 0)
        memcpy(last, p, left);
    last[left] = 0x80;
    for (size_t i = 1; i <= 8; i++)
        last[end - i] = (unsigned char)((uint64_t)n * 8 >> 8 * (i - 1));
    for (size_t at = 0; at < end; at += BLOCK)
        add_block(H, last + at);
    for (size_t i = 0; i < COUNT(H); i++)
        snprintf(hex + 8 * i, 9, "%08" PRIx32, H[i]);
}

static void unhex(const char hex[SUM_SHA256_TEXT], unsigned char bytes[BLOCK / 2])
{
    for (int i = 0; i < BLOCK / 2; i++) {
        const char two[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (unsigned char)strtoul(two, NULL, 16);
    }
}

void sum_hmac(const void *key, size_t nkey, const char *text, char hex[SUM_SHA256_TEXT])
{
    unsigned char padded[BLOCK] = {0}, outer[BLOCK + BLOCK / 2];
    const size_t n = strlen(text);
    if (nkey > BLOCK) {
        sum_sha256(key, nkey, hex);
        unhex(hex, padded);
    } else {
        memcpy(padded, key, nkey);
    }
    unsigned char *inner = mem_raw(BLOCK + n);
    for (int i = 0; i < BLOCK; i++) {
        inner[i] = padded[i] ^ 0x36;
        outer[i] = padded[i] ^ 0x5c;
    }
    memcpy(inner + BLOCK, text, n);
    sum_sha256(inner, BLOCK + n, hex);
    free(inner);
    unhex(hex, outer + BLOCK);
    sum_sha256(outer, sizeof(outer), hex);
}
