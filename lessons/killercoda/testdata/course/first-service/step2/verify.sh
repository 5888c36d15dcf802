curl --silent --fail --max-time 3 --output /dev/null http://node-1:30080/
