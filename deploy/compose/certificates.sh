#!/usr/bin/env bash
# Makes an authority and a certificate for the broker `kafka`, unless they are there and last another
# month. Runs as a job of deploy/compose/tls.yml before Kafka starts.
#   /authority/ca.pem     the authority: what clients trust; beside it the broker's certificate
#   /broker/broker.pem    key and certificate of the broker, readable by its user alone
# The authority's key is thrown away: nobody can make a second broker with it.
set -euo pipefail

AUTHORITY=${AUTHORITY:-/authority}
BROKER=${BROKER:-/broker}
BROKER_USER=${BROKER_USER:-1000}
BROKER_NAMES=${BROKER_NAMES:-DNS:kafka}
MONTH_S=2592000
DAYS=825

# Asked of the copy beside the authority: in its container this job may not read the broker's key.
if [ -s "$BROKER/broker.pem" ] && openssl x509 -in "$AUTHORITY/broker.crt" -noout -checkend "$MONTH_S" >/dev/null 2>&1; then
    echo "certificates: good for another month"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
umask 077
curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${curve[@]}" -days "$DAYS" -subj "/CN=PneumoStream compose authority" -keyout ca.key -out ca.pem
openssl req "${curve[@]}" -subj "/CN=kafka" -keyout broker.key -out broker.csr
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$BROKER_NAMES" >extensions
openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days "$DAYS" -extfile extensions -out broker.crt
rm -f "$BROKER/broker.pem"
cat broker.key broker.crt ca.pem >"$BROKER/broker.pem"
chmod 0400 "$BROKER/broker.pem"
chown "$BROKER_USER" "$BROKER/broker.pem"
install -m 0444 ca.pem broker.crt "$AUTHORITY"
echo "certificates: made, for $DAYS days"
