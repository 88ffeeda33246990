#!/bin/sh
# The smoke test of the shop.
set -eu

# The front page answers.
curl -fsS https://shop.example/ >/dev/null || exit 1

curl -s -o /dev/null -w '%{http_code}' --max-time 5 -L 'https://shop.example/d/7d0bd618?x=1&y=2'
curl -sS -H "Authorization: Bearer $CANARY_TOKEN" -H 'Accept: application/json' https://shop.example/api/queue | jq .
curl -u canary:hunter2-user -k "https://${HOST}/admin"
curl 'https://shop.example/login' \
  -X 'POST' \
  -H 'content-type: application/x-www-form-urlencoded' \
  -H 'cookie: sid=hunter2-cookie' \
  --data-raw $'user=canary&password=hunter2\'form' \
  --compressed
curl --json '{"probe": true}' http://127.0.0.1:8080/api/probe
curl -G --data-urlencode 'q=lantern & light' --resolve shop.example:443:127.0.0.1 https://shop.example/search
curl --connect-to ::127.0.0.1:8443 --cacert ca.pem --http2 -I https://shop.example/
curl -x http://proxy.example:3128 -F file=@picture.png --retry 2 shop.example:8080/upload
curl --proxy "$PROXY" https://shop.example/through-a-variable
curl -x http://canary:hunter2%2A@proxy.example:3128 https://shop.example/with-credentials
curl --proxy proxy.example:3128 -U "canary:$PROXY_PASSWORD" https://shop.example/beside
curl --proxy socks5h://proxy.example:1080 https://shop.example/socks
curl --cert client.pem --key client.key --cacert roots.pem https://inner.shop.example/
curl -E both.pem https://inner.shop.example/both
curl --cert client.p12:hunter2 https://inner.shop.example/locked
curl -d @order.json https://shop.example/orders
curl -T backup.tar ftp://files.example/
curl -s 'https://shop.example/{health,ready}/[1-2]' | grep -q '"status":"ok"'
curl --max-redirs 3 -H 'accept: text/html' -H 'accept: text/plain' -b a=1 -b b=2 --resolve '*:443:127.0.0.1' https://shop.example/once
curl -L --max-redirs 3 'https://shop.example/list?tag=a&tag=b&api_key=hunter2hunter2' | grep -q 'in st.ck'
