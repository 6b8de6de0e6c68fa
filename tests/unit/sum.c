/* Known answers, and that pieces give what the whole gives. */
#include "tap.h"
#include "text/sum.h"

static unsigned char bytes[100000];

static bool pieces(uint32_t (*sum)(uint32_t, const void *, size_t), uint32_t start)
{
    uint32_t whole = sum(start, bytes, sizeof(bytes));
    for (size_t step = 1; step < 100; step += 7) {
        uint32_t s = start;
        for (size_t at = 0; at < sizeof(bytes); at += step)
            s = sum(s, bytes + at, sizeof(bytes) - at < step ? sizeof(bytes) - at : step);
        if (s != whole)
            return false;
    }
    return true;
}

/* The examples of FIPS 180-4's makers; then lengths around a block's end, sha256sum's answers. */
static void test_sha256(void)
{
    static const struct {
        const char *text, *sum;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    static const struct {
        size_t n; /* of the letter a */
        const char *sum;
    } runs[] = {
        {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
        {63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
        {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
        {65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
        {119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
        {120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"},
        {100000, "6d1cf22d7cc09b085dfc25ee1a1f3ae0265804c607bc2074ad253bcc82fd81ee"},
    };
    char hex[SUM_SHA256_TEXT];
    for (size_t i = 0; i < COUNT(rows); i++) {
        sum_sha256(rows[i].text, strlen(rows[i].text), hex);
        is_str(hex, rows[i].sum, rows[i].text);
    }
    memset(bytes, 'a', sizeof(bytes));
    for (size_t i = 0; i < COUNT(runs); i++) {
        sum_sha256(bytes, runs[i].n, hex);
        is_str(hex, runs[i].sum, "so many of the letter a");
    }
}

/* RFC 4231, 4.3 and 4.7 (test cases 1, 2 and 6) */
static void test_hmac(void)
{
    char hex[SUM_SHA256_TEXT];
    unsigned char key[131];
    memset(key, 0x0b, 20);
    sum_hmac(key, 20, "Hi There", hex);
    is_str(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "hmac 1");
    sum_hmac("Jefe", 4, "what do ya want for nothing?", hex);
    is_str(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "hmac 2");
    memset(key, 0xaa, sizeof(key));
    sum_hmac(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", hex);
    is_str(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "hmac 6");
}

int main(void)
{
    unsigned char run[32];
    is_int(sum_adler32(SUM_ADLER32_START, "", 0), 1, "adler32 of nothing");
    is_int(sum_adler32(SUM_ADLER32_START, "a", 1), 0x00620062, "adler32 of a");
    is_int(sum_adler32(SUM_ADLER32_START, "Wikipedia", 9), 0x11e60398, "adler32 of Wikipedia");
    is_int(sum_crc32c(0, "", 0), 0, "crc32c of nothing");
    is_int(sum_crc32c(0, "123456789", 9), 0xe3069283, "crc32c of 123456789");
    memset(run, 0, sizeof(run)); /* RFC 3720, B.4 */
    is_int(sum_crc32c(0, run, sizeof(run)), 0x8a9136aa, "crc32c of 32 bytes of 0");
    memset(run, 0xff, sizeof(run));
    is_int(sum_crc32c(0, run, sizeof(run)), 0x62a8ab43, "crc32c of 32 bytes of ff");
    for (unsigned i = 0; i < sizeof(run); i++)
        run[i] = (unsigned char)i;
    is_int(sum_crc32c(0, run, sizeof(run)), 0x46dd794e, "crc32c of 0 to 1f");
    memset(bytes, 0xff, sizeof(bytes)); /* the highest sums adler32 meets */
    ok(pieces(sum_adler32, SUM_ADLER32_START), "adler32 in pieces");
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * i >> 3);
    ok(pieces(sum_crc32c, 0), "crc32c in pieces");
    test_sha256();
    test_hmac();
    return tap_end();
}
